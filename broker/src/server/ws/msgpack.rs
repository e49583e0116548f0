//! `MessagePack`: the objects that JSON frames are, with bytes as bin.

use rmp::{Marker, decode};
use serde::Serialize;
use serde_json::{Map, Number, Value};
use thiserror::Error;
use windlass_wire::limits::{FRAME_DEPTH_MAX, FRAME_VALUES_MAX};

/// The bytes are not a frame.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the frame is not a MessagePack map with an `op`: at byte {at}: {reason}")]
pub(super) struct Malformed {
    at: usize,
    reason: &'static str,
}

/// Reads a frame: one map, and nothing after it. Bytes become their base64 text, floats that are no numbers
/// their names, as JSON writes both.
pub(super) fn read(frame: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let mut reader = Reader { rest: frame, values_left: FRAME_VALUES_MAX };
    let read = reader.value(0).and_then(|value| {
        let Value::Object(map) = value else { return Err("expected a map") };
        if reader.rest.is_empty() { Ok(map) } else { Err("something follows the map") }
    });
    read.map_err(|reason| Malformed { at: frame.len() - reader.rest.len(), reason })
}

/// Writes a frame; structs become maps.
#[expect(clippy::expect_used, reason = "writing to memory cannot fail, and every map has text for keys")]
pub(super) fn write(frame: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(frame).expect("a frame is always MessagePack")
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
}

type Read<T> = Result<T, &'static str>;

/// Why a read from memory fails, once the marker is known.
const ENDS: &str = "the frame ends within a value";

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Read<Value> {
        self.values_left = self.values_left.checked_sub(1).ok_or("the frame has too many values")?;
        let rest = &mut self.rest;
        match Marker::from_u8(*rest.first().ok_or(ENDS)?) {
            Marker::Null => decode::read_nil(rest).map(|()| Value::Null).map_err(|_| ENDS),
            Marker::True | Marker::False => decode::read_bool(rest).map(Value::Bool).map_err(|_| ENDS),
            Marker::FixPos(_) | Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => {
                decode::read_int::<u64, _>(rest).map(Value::from).map_err(|_| ENDS)
            }
            Marker::FixNeg(_) | Marker::I8 | Marker::I16 | Marker::I32 | Marker::I64 => {
                decode::read_int::<i64, _>(rest).map(Value::from).map_err(|_| ENDS)
            }
            Marker::F32 => decode::read_f32(rest).map(|wide| float(wide.into())).map_err(|_| ENDS),
            Marker::F64 => decode::read_f64(rest).map(float).map_err(|_| ENDS),
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                self.text().map(Value::String)
            }
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let length = decode::read_bin_len(rest).map_err(|_| ENDS)?;
                self.take(length).map(|bytes| base64_simd::STANDARD.encode_to_string(bytes).into())
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                let length = decode::read_array_len(rest).map_err(|_| ENDS)?;
                let depth = deeper(depth)?;
                // The length is only claimed, so no room is made for it.
                let mut values = Vec::new();
                for _ in 0..length {
                    values.push(self.value(depth)?);
                }
                Ok(Value::Array(values))
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                let length = decode::read_map_len(rest).map_err(|_| ENDS)?;
                let depth = deeper(depth)?;
                let mut map = Map::new();
                for _ in 0..length {
                    let key = self.text()?;
                    map.insert(key, self.value(depth)?);
                }
                Ok(Value::Object(map))
            }
            Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32
            | Marker::Reserved => Err("an extension type, which has no meaning here"),
        }
    }

    fn text(&mut self) -> Read<String> {
        let length = decode::read_str_len(&mut self.rest).map_err(|_| "expected text")?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "text that is not UTF-8")
    }

    fn take(&mut self, length: u32) -> Read<&[u8]> {
        let length = usize::try_from(length).map_err(|_| ENDS)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(ENDS)?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn deeper(depth: usize) -> Read<usize> {
    if depth == FRAME_DEPTH_MAX { Err("the frame is nested too deeply") } else { Ok(depth + 1) }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(
        || {
            let name = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            name.into()
        },
        Value::Number,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(frame: &[u8]) -> &'static str {
        read(frame).unwrap_err().reason
    }

    #[test]
    fn what_json_has_reads_back() {
        let frame = json!({
            "op": "add", "id": 7, "x": -3, "y": 1.5, "deep": [[{"a": null}], true],
            "large": u64::MAX, "small": i64::MIN, "long": "é".repeat(40_000),
        });
        assert_eq!(Value::Object(read(&write(&frame)).unwrap()), frame);
    }

    #[test]
    fn bytes_become_base64_and_odd_floats_their_names() {
        let frame = [&[0x82, 0xa1, b'a', 0xc4, 2, 0xff, 0xd8, 0xa1, b'b', 0xca][..], &f32::NAN.to_be_bytes()]
            .concat();
        assert_eq!(Value::Object(read(&frame).unwrap()), json!({"a": "/9g=", "b": "NaN"}));
    }

    #[test]
    fn what_is_no_frame_says_why() {
        assert_eq!(reason(&[]), ENDS);
        assert_eq!(reason(&[0x90]), "expected a map");
        assert_eq!(reason(&[0x80, 0xc0]), "something follows the map");
        assert_eq!(reason(&[0x81, 0x01, 0x01]), "expected text");
        assert_eq!(reason(&[0x81, 0xa1, 0xff, 0xc0]), "text that is not UTF-8");
        assert_eq!(reason(&[0x81, 0xa1, b'a', 0xa1, 0xff]), "text that is not UTF-8");
        assert_eq!(reason(&[0x81, 0xa1, b'a', 0xd4, 1, 1]), "an extension type, which has no meaning here");
        assert_eq!(reason(&[0x81, 0xa1, b'a', 0xcf, 1]), ENDS);
        assert_eq!(read(&[0x81, 0xa1]).unwrap_err().at, 2);
    }

    #[test]
    fn claimed_lengths_make_no_room() {
        for head in
            [[0xdd, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(read(&[&[0x81, 0xa1, b'a'][..], &head].concat()).is_err());
        }
    }

    #[test]
    fn depth_is_bounded_as_in_json() {
        let nested = |depth: usize| [&[0x81, 0xa1, b'a'][..], &vec![0x91; depth - 1], &[0xc0]].concat();
        assert!(read(&nested(FRAME_DEPTH_MAX)).is_ok());
        assert_eq!(reason(&nested(FRAME_DEPTH_MAX + 1)), "the frame is nested too deeply");
        let json = |depth: usize| serde_json::from_str::<Value>(&("[".repeat(depth) + &"]".repeat(depth)));
        assert!(json(FRAME_DEPTH_MAX).is_ok() && json(FRAME_DEPTH_MAX + 1).is_err());
    }

    #[test]
    fn values_are_counted() {
        let array = |length: u32| {
            [&[0x81, 0xa1, b'a', 0xdd][..], &length.to_be_bytes(), &vec![0xc0; length as usize]].concat()
        };
        let fit = u32::try_from(FRAME_VALUES_MAX).unwrap() - 2;
        assert!(read(&array(fit)).is_ok());
        assert_eq!(reason(&array(fit + 1)), "the frame has too many values");
    }
}
