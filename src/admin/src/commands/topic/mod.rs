//! Topics.

mod allocate;
mod clusters;
mod delete;
mod fixed;
mod list;
mod moving;
mod order;
mod permission;
mod route;
mod status;
mod update;
mod update_list;

pub(super) use delete::delete_topic;

use crate::command::Spec;

pub(super) const SPECS: &[&[Spec]] = &[
    &[
        update::SPEC,
        update_list::SPEC,
        delete::SPEC,
        permission::SPEC,
        route::SPEC,
        status::SPEC,
        clusters::SPEC,
        list::SPEC,
        order::SPEC,
        allocate::SPEC,
    ],
    fixed::SPECS,
];
