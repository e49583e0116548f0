//! The call of one function: how arguments go in and the result comes out as JSON.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Func, Lift, Val};

use super::arguments::{Argument, Arguments};
use super::flat::{FlatArguments, is_flat};
use super::guest::Guest;
use super::to_json;
use super::types::{Signature, ValueType};

/// What the host may hold for a guest during a call into the host, such as a write to the log.
const HOSTCALL_BYTES_MIN: usize = 1 << 20;

/// How a function is called, fixed when its program is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Through [`Val`]: any types.
    General,
    /// Through [`FlatArguments`], for functions that take or give bytes.
    Flat(Gives),
}

/// The results for which there is a call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Nothing,
    U32,
    U64,
    Text,
    Bytes,
    TextOrError,
    BytesOrError,
}

/// What a call gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// The value, or what `ok` carried, as JSON.
    Ok(String),
    /// What `err` carried, as JSON.
    Err(String),
    /// More than the limit.
    TooLarge,
}

impl Plan {
    pub(super) fn of(signature: &Signature) -> Plan {
        let params = || signature.params.iter().map(|param| &param.ty);
        let gives = Gives::of(signature.result.as_ref());
        let has_bytes =
            params().any(ValueType::is_bytes) || matches!(gives, Some(Gives::Bytes | Gives::BytesOrError));
        match gives {
            Some(gives) if has_bytes && is_flat(params()) => Plan::Flat(gives),
            _ => Plan::General,
        }
    }

    /// What the host may allocate to take over a result: where it comes as [`Val`]s, one for each of its parts.
    pub(super) fn hostcall_bytes_max(self, result_bytes_max: usize) -> usize {
        let bytes = match self {
            Plan::General => result_bytes_max.saturating_mul(size_of::<Val>()),
            Plan::Flat(_) => result_bytes_max,
        };
        bytes.max(HOSTCALL_BYTES_MIN)
    }
}

impl Gives {
    fn of(result: Option<&ValueType>) -> Option<Gives> {
        let is_text = |ty: &ValueType| *ty == ValueType::String;
        match result {
            None => Some(Gives::Nothing),
            Some(ValueType::U32) => Some(Gives::U32),
            Some(ValueType::U64) => Some(Gives::U64),
            Some(ty) if is_text(ty) => Some(Gives::Text),
            Some(ty) if ty.is_bytes() => Some(Gives::Bytes),
            Some(ValueType::Result { ok: Some(ok), err: Some(err) }) if is_text(err) => {
                if is_text(ok) {
                    Some(Gives::TextOrError)
                } else {
                    ok.is_bytes().then_some(Gives::BytesOrError)
                }
            }
            Some(_) => None,
        }
    }
}

/// Calls `function`, whose signature and plan these are.
pub(super) async fn call(
    store: &mut Store<Guest>,
    function: Func,
    (signature, plan): (&Signature, Plan),
    arguments: Arguments,
    result_bytes_max: usize,
) -> wasmtime::Result<Returned> {
    match plan {
        Plan::General => general(store, function, signature, arguments, result_bytes_max).await,
        Plan::Flat(gives) => flat(store, function, gives, arguments, result_bytes_max).await,
    }
}

async fn general(
    store: &mut Store<Guest>,
    function: Func,
    signature: &Signature,
    arguments: Arguments,
    result_bytes_max: usize,
) -> wasmtime::Result<Returned> {
    let arguments: Vec<Val> = arguments.0.into_iter().map(Argument::into_val).collect();
    let mut results = [Val::Bool(false)];
    let results = &mut results[..usize::from(signature.result.is_some())];
    function.call_async(&mut *store, &arguments, results).await?;
    let mut json = String::new();
    let is_ok = match (&signature.result, results.first()) {
        (Some(ValueType::Result { ok, .. }), Some(Val::Result(Ok(value)))) => {
            to_json::payload(&mut json, ok.as_deref(), value.as_deref())?;
            true
        }
        (Some(ValueType::Result { err, .. }), Some(Val::Result(Err(value)))) => {
            to_json::payload(&mut json, err.as_deref(), value.as_deref())?;
            false
        }
        (ty, value) => {
            to_json::payload(&mut json, ty.as_ref(), value)?;
            true
        }
    };
    Ok(if json.len() > result_bytes_max {
        Returned::TooLarge
    } else if is_ok {
        Returned::Ok(json)
    } else {
        Returned::Err(json)
    })
}

async fn flat(
    store: &mut Store<Guest>,
    function: Func,
    gives: Gives,
    arguments: Arguments,
    result_bytes_max: usize,
) -> wasmtime::Result<Returned> {
    let arguments = FlatArguments(arguments.0);
    let text = |text: &str| limited(text.len(), result_bytes_max, |json| to_json::text(json, text));
    let bytes =
        |bytes: &[u8]| limited(bytes.len(), result_bytes_max, |json| to_json::bytes_text(json, bytes));
    let number = |number| limited(0, result_bytes_max, |json| to_json::unsigned(json, number));
    let error = |message: &str| match text(message) {
        Returned::Ok(json) => Returned::Err(json),
        other @ (Returned::Err(_) | Returned::TooLarge) => other,
    };
    Ok(match gives {
        Gives::Nothing => {
            typed::<()>(store, function, arguments).await?;
            Returned::Ok("null".to_owned())
        }
        Gives::U32 => number(u64::from(typed::<(u32,)>(store, function, arguments).await?.0)),
        Gives::U64 => number(typed::<(u64,)>(store, function, arguments).await?.0),
        Gives::Text => text(&typed::<(String,)>(store, function, arguments).await?.0),
        Gives::Bytes => bytes(&typed::<(Vec<u8>,)>(store, function, arguments).await?.0),
        Gives::TextOrError => {
            let (result,) = typed::<(Result<String, String>,)>(store, function, arguments).await?;
            result.map_or_else(|message| error(&message), |value| text(&value))
        }
        Gives::BytesOrError => {
            let (result,) = typed::<(Result<Vec<u8>, String>,)>(store, function, arguments).await?;
            result.map_or_else(|message| error(&message), |value| bytes(&value))
        }
    })
}

async fn typed<R: ComponentNamedList + Lift + 'static>(
    store: &mut Store<Guest>,
    function: Func,
    arguments: FlatArguments,
) -> wasmtime::Result<R> {
    function.typed::<FlatArguments, R>(&mut *store)?.call_async(&mut *store, arguments).await
}

fn limited(bytes: usize, bytes_max: usize, write: impl FnOnce(&mut String)) -> Returned {
    if bytes > bytes_max {
        return Returned::TooLarge;
    }
    let mut json = String::new();
    write(&mut json);
    Returned::Ok(json)
}
