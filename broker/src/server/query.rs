//! The query of a URL and the variable parts of its path, decoded strictly.

use std::{fmt::Display, str::FromStr};

use serde_json::json;
use windlass_wire::{code::ErrorCode, problem::Problem};

/// The keys of a query. Every key must be taken before [`Query::finish`].
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes a query. A token in it is refused: it would end up in histories and logs.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let key = decode(&key.replace('+', " "))?;
            if key == "token" {
                return Err(refused("token", "a token does not belong into a URL, where others may see it")
                    .with_hint("send it as `Authorization: Bearer …`, or in `session.hello`"));
            }
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(refused(&key, "it is given twice"));
            }
            pairs.push((key, decode(&value.replace('+', " "))?));
        }
        Ok(Self(pairs))
    }

    /// Takes a key, if it is there.
    pub(super) fn take<T: FromStr<Err: Display>>(&mut self, key: &str) -> Result<Option<T>, Problem> {
        let Some(place) = self.0.iter().position(|(known, _)| known == key) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(place);
        value.parse().map(Some).map_err(|error| refused(key, error))
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((key, _)) => Err(refused(&key, "it is not known here")),
        }
    }
}

/// A refusal of one key of a query.
pub(super) fn refused(key: &str, reason: impl Display) -> Problem {
    Problem::new(ErrorCode::BadRequest, format!("query `{key}`: {reason}"))
        .with_detail(json!({ "query": key }))
}

/// Undoes percent-encoding. Half an escape, and bytes that are not UTF-8 or are NUL, are refused.
pub(super) fn decode(text: &str) -> Result<String, Problem> {
    let wrong = || Problem::new(ErrorCode::BadRequest, format!("`{text}` is not percent-encoded UTF-8"));
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return Err(wrong()) };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(wrong()) };
        decoded.push(high << 4 | low);
        rest = tail;
    }
    if decoded.contains(&0) {
        return Err(wrong());
    }
    String::from_utf8(decoded).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let mut query = Query::parse("queue=a%2fb+c&limit=7").unwrap();
        assert_eq!(query.take::<String>("queue").unwrap().as_deref(), Some("a/b c"));
        assert_eq!(query.take("limit").unwrap(), Some(7));
        assert!(query.finish().is_ok());
    }

    #[test]
    fn unknown_doubled_and_ill_typed_keys_are_named() {
        let mut query = Query::parse("limit=x&colour=red").unwrap();
        assert_eq!(query.take::<usize>("limit").unwrap_err().detail, Some(json!({ "query": "limit" })));
        assert_eq!(query.finish().unwrap_err().detail, Some(json!({ "query": "colour" })));
        assert_eq!(Query::parse("a=1&a=2").unwrap_err().detail, Some(json!({ "query": "a" })));
    }

    #[test]
    fn a_token_in_a_url_is_refused_however_it_is_spelled() {
        for text in ["token=x", "a=1&token", "%74oken=x"] {
            let refused = Query::parse(text).unwrap_err();
            assert_eq!(refused.detail, Some(json!({ "query": "token" })), "{text}");
        }
    }

    #[test]
    fn half_an_escape_is_refused() {
        for text in ["%", "%4", "%zz", "%+1", "%ff", "%00"] {
            assert_eq!(decode(text).unwrap_err().code, ErrorCode::BadRequest, "{text}");
        }
    }
}
