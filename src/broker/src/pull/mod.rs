//! Long polling: pulls that wait for a message.

pub mod arrival_board;
