//! Values of settings in as few bytes as possible.
//!
//! A *whole number* is little-endian base 128: seven bits a byte, the highest bit says that more follow. A *real* is a
//! whole number `8 m + d`. Up to `d = 5` it is the decimal `m / 10^d`; 6 is minus the real that follows; 7 is the eight
//! bytes of a double that follow, little-endian.

use toml::Value;

use super::settings::Form;

/// Decimals that a real may have in its short form.
const MOST_DECIMALS: u32 = 5;
const NEGATIVE: u64 = 6;
const DOUBLE: u64 = 7;
/// Whole numbers below this are exact in a double, so that a quotient of two is the nearest double to the decimal.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn put_whole(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_real(bytes: &mut Vec<u8>, value: f64) {
    let short = (0..=MOST_DECIMALS).find_map(|decimals| {
        let (power, magnitude) = (10_f64.powi(decimals as i32), value.abs());
        let whole = (magnitude * power).round();
        (whole < EXACT && whole / power == magnitude).then(|| 8 * whole as u64 + u64::from(decimals))
    });
    if let Some(short) = short {
        if value.is_sign_negative() {
            put_whole(bytes, NEGATIVE);
        }
        put_whole(bytes, short);
    } else {
        put_whole(bytes, DOUBLE);
        bytes.extend(value.to_le_bytes());
    }
}

/// Writes a value of a form; `None` where it has none of that form. A flag needs no byte: it is the one that is not the
/// default.
pub(super) fn put(bytes: &mut Vec<u8>, form: Form, value: &Value) -> Option<()> {
    match (form, value) {
        (Form::Flag, Value::Boolean(_)) => {}
        (Form::Whole, Value::Integer(whole)) => put_whole(bytes, u64::try_from(*whole).ok()?),
        (Form::Real, Value::Float(real)) => put_real(bytes, *real),
        (Form::Pair, Value::Array(pair)) => {
            let [Value::Float(first), Value::Float(second)] = pair.as_slice() else { return None };
            put_real(bytes, *first);
            put_real(bytes, *second);
        }
        (Form::Word(words), Value::String(own)) => {
            put_whole(bytes, words.iter().position(|word| word == own)? as u64);
        }
        _ => return None,
    }
    Some(())
}

/// Bytes from a stranger, read from the front. All that is read is `None` where they end too early or say nothing.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn whole(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..9 {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn real(&mut self) -> Option<f64> {
        match self.whole()? {
            NEGATIVE => match self.whole()? {
                short if short & 7 <= u64::from(MOST_DECIMALS) => Some(-decimal(short)),
                _ => None,
            },
            DOUBLE => Some(f64::from_le_bytes(self.take()?)),
            short if short & 7 <= u64::from(MOST_DECIMALS) => Some(decimal(short)),
            _ => None,
        }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A value of a form; `default` is the setting's.
    pub(super) fn value(&mut self, form: Form, default: Option<&Value>) -> Option<Value> {
        Some(match form {
            Form::Flag => Value::Boolean(!default?.as_bool()?),
            Form::Whole => Value::Integer(i64::try_from(self.whole()?).ok()?),
            Form::Real => Value::Float(self.real()?),
            Form::Pair => Value::Array(vec![Value::Float(self.real()?), Value::Float(self.real()?)]),
            Form::Word(words) => Value::String((*words.get(usize::try_from(self.whole()?).ok()?)?).to_owned()),
        })
    }
}

/// The decimal of a short form.
fn decimal(short: u64) -> f64 {
    (short >> 3) as f64 / 10_f64.powi((short & 7) as i32)
}
