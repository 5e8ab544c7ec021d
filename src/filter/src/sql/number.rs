//! Numbers in strings, as Java reads them.

/// Java's `Double.valueOf(String)`; `None` where it throws.
pub(super) fn double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|character| character <= ' ');
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => match unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
            Some(digits) => hexadecimal(without_suffix(digits))?,
            None => decimal(without_suffix(unsigned))?,
        },
    };
    Some(if is_negative { -value } else { value })
}

/// The letter that makes a Java literal a `float` or a `double` says nothing here.
fn without_suffix(text: &str) -> &str {
    text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text)
}

fn decimal(text: &str) -> Option<f64> {
    // Rust takes names of infinity here, and a second sign.
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    text.parse().ok()
}

/// `h.hhp±d` without `0x`.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An exponent beyond any number is as good as the largest.
    let limit = if exponent.starts_with('-') { -1_000_000 } else { 1_000_000 };
    let mut exponent: i64 = exponent.parse().unwrap_or(limit).clamp(-1_000_000, 1_000_000);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    exponent -= 4 * fraction.len() as i64;
    let mut significand: u64 = 0;
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        if significand < 1 << 58 {
            significand = significand << 4 | digit;
        } else {
            // Digits too far behind to be kept still decide which way to round.
            significand |= u64::from(digit != 0);
            exponent += 4;
        }
    }
    Some(scaled(significand, exponent))
}

/// `significand * 2^exponent`, rounded once.
fn scaled(significand: u64, exponent: i64) -> f64 {
    if significand == 0 {
        return 0.0;
    }
    let top_bit = 63 - i64::from(significand.leading_zeros());
    // Bits below the smallest one a number of this size has.
    let lowest = (top_bit + exponent - 52).max(-1074);
    let dropped = lowest - exponent;
    let rounded = match u32::try_from(dropped) {
        Err(_) | Ok(0) => significand,
        Ok(64..) => 0,
        Ok(bits) => {
            let kept = significand >> bits;
            let rest = significand & ((1 << bits) - 1);
            let half = 1 << (bits - 1);
            kept + u64::from(rest > half || (rest == half && kept & 1 == 1))
        }
    };
    let mut power = if dropped > 0 { lowest } else { exponent };
    // What is left has 53 bits: no step rounds any more, except to infinity.
    let mut value = rounded as f64;
    while power != 0 && value != 0.0 && value.is_finite() {
        let step = power.clamp(-1000, 1000);
        value *= 2f64.powi(step as i32);
        power -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_and_rust_write_most_numbers_alike() {
        for (text, value) in
            [("1", 1.0), (" +1.5e3\t", 1500.0), ("-.5", -0.5), ("5.", 5.0), ("1d", 1.0), ("2.5F", 2.5)]
        {
            assert_eq!(double(text), Some(value), "{text}");
        }
        assert!(double("-NaN").unwrap().is_nan());
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        for text in [
            "", " ", ".", "inf", "nan", "infinity", "1 2", "--1", "+-1", "1e", "1ff", "e5", "NaNd", "1_0",
            "0x",
        ] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    #[test]
    fn hexadecimal_numbers_are_rounded_once() {
        for (text, value) in [
            ("0x1p0", 1.0),
            ("0X.8p1", 1.0),
            ("-0x1.8p1d", -3.0),
            ("0x1p-1074", f64::from_bits(1)),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", f64::from_bits(1)),
            ("0x1p1024", f64::INFINITY),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.00000000000008000000000001p0", 1.0 + f64::EPSILON),
            ("0x0p99999999999999999999", 0.0),
        ] {
            assert_eq!(double(text), Some(value), "{text}");
        }
        for text in ["0x1", "0xp1", "0x1p", "0x1p+", "0x.p1", "0xgp1", "0x1p1_0"] {
            assert_eq!(double(text), None, "{text}");
        }
    }
}
