//! The types of handlers, in a form that outlives the component they were read from: it is stored with the
//! version, shown to people in WIT syntax, and is all that is needed to check arguments.

use std::fmt;

use serde::{Deserialize, Serialize};
use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// How many types one handler's signature may be made of. A few nested records can name each other so often
/// that writing them out would take gigabytes.
pub const TYPE_PARTS_MAX: usize = 2_000;
/// How deeply the types of one handler may nest; JSON as deep as this is still parsed.
pub const TYPE_DEPTH_MAX: usize = 40;

/// A WIT type whose values can be written as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`; `list<u8>` are bytes and have a text form of their own.
    List(Box<ValueType>),
    /// `tuple<A, B>`
    Tuple(Vec<ValueType>),
    /// `record { a: A, b: B }`
    Record(Vec<Field>),
    /// `variant { a, b(B) }`
    Variant(Vec<Case>),
    /// `enum { a, b }`
    Enum(Vec<String>),
    /// `flags { a, b }`
    Flags(Vec<String>),
    /// `option<T>`
    Option(Box<ValueType>),
    /// `result<T, E>`
    Result {
        /// What `ok` carries, if anything.
        ok: Option<Box<ValueType>>,
        /// What `err` carries, if anything.
        err: Option<Box<ValueType>>,
    },
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The field's name in kebab case, as WIT writes it.
    pub name: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub ty: ValueType,
}

/// One case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The case's name in kebab case, as WIT writes it.
    pub name: String,
    /// What the case carries, if anything.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<ValueType>,
}

/// One named parameter of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// The parameter's name in kebab case, as WIT writes it.
    pub name: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub ty: ValueType,
}

/// What a handler takes and gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The handler's name within its plugin: `add`, or `shapes.describe` for a function of an interface.
    pub name: String,
    /// The parameters in the order of the function.
    pub params: Vec<Param>,
    /// What the function returns, if anything.
    pub result: Option<ValueType>,
}

/// Why an exported function cannot be called with JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The type exists only while the instance lives, or is not switched on.
    #[error("{place} is a `{kind}`, which has no JSON form")]
    Kind {
        /// The parameter or result that has the type.
        place: String,
        /// The kind of the type in WIT's words.
        kind: &'static str,
    },
    /// The type, written out, is beyond [`TYPE_PARTS_MAX`] or [`TYPE_DEPTH_MAX`].
    #[error(
        "{place} has too large a type: at most {TYPE_PARTS_MAX} parts, nested at most {TYPE_DEPTH_MAX} deep"
    )]
    TooLarge {
        /// The parameter or result that has the type.
        place: String,
    },
}

impl ValueType {
    /// Whether this is `list<u8>`.
    pub fn is_bytes(&self) -> bool {
        matches!(self, ValueType::List(of) if **of == ValueType::U8)
    }
}

impl Signature {
    /// The type of what a job gives when it succeeds: of a `result`, what `ok` carries. None = nothing.
    pub fn value_type(&self) -> Option<&ValueType> {
        match &self.result {
            Some(ValueType::Result { ok, .. }) => ok.as_deref(),
            result => result.as_ref(),
        }
    }

    /// Reads the signature of a function of a loaded component.
    pub fn read(name: &str, function: &ComponentFunc) -> Result<Signature, Unsupported> {
        let mut parts_left = TYPE_PARTS_MAX;
        let mut params = Vec::with_capacity(function.params().len());
        for (param, ty) in function.params() {
            let mut reader = Reader { place: format!("parameter `{param}`"), parts_left };
            params.push(Param { name: param.to_owned(), ty: reader.read(&ty, 0)? });
            parts_left = reader.parts_left;
        }
        let mut reader = Reader { place: "the result".to_owned(), parts_left };
        let result = function.results().next().map(|ty| reader.read(&ty, 0)).transpose()?;
        Ok(Signature { name: name.to_owned(), params, result })
    }
}

struct Reader {
    place: String,
    parts_left: usize,
}

impl Reader {
    fn read(&mut self, ty: &Type, depth: usize) -> Result<ValueType, Unsupported> {
        if self.parts_left == 0 || depth == TYPE_DEPTH_MAX {
            return Err(Unsupported::TooLarge { place: self.place.clone() });
        }
        self.parts_left -= 1;
        let deeper = depth + 1;
        Ok(match ty {
            Type::Bool => ValueType::Bool,
            Type::S8 => ValueType::S8,
            Type::U8 => ValueType::U8,
            Type::S16 => ValueType::S16,
            Type::U16 => ValueType::U16,
            Type::S32 => ValueType::S32,
            Type::U32 => ValueType::U32,
            Type::S64 => ValueType::S64,
            Type::U64 => ValueType::U64,
            Type::Float32 => ValueType::F32,
            Type::Float64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(list) => ValueType::List(self.boxed(&list.ty(), deeper)?),
            Type::Tuple(tuple) => {
                ValueType::Tuple(tuple.types().map(|ty| self.read(&ty, deeper)).collect::<Result<_, _>>()?)
            }
            Type::Record(record) => ValueType::Record(
                record
                    .fields()
                    .map(|f| Ok(Field { name: f.name.to_owned(), ty: self.read(&f.ty, deeper)? }))
                    .collect::<Result<_, _>>()?,
            ),
            Type::Variant(variant) => ValueType::Variant(
                variant
                    .cases()
                    .map(|case| {
                        let ty = case.ty.map(|ty| self.read(&ty, deeper)).transpose()?;
                        Ok(Case { name: case.name.to_owned(), ty })
                    })
                    .collect::<Result<_, _>>()?,
            ),
            Type::Enum(cases) => ValueType::Enum(self.names(cases.names())?),
            Type::Flags(flags) => ValueType::Flags(self.names(flags.names())?),
            Type::Option(option) => ValueType::Option(self.boxed(&option.ty(), deeper)?),
            Type::Result(result) => ValueType::Result {
                ok: result.ok().map(|ty| self.boxed(&ty, deeper)).transpose()?,
                err: result.err().map(|ty| self.boxed(&ty, deeper)).transpose()?,
            },
            Type::Own(_) | Type::Borrow(_) => return Err(self.unsupported("resource")),
            Type::Future(_) => return Err(self.unsupported("future")),
            Type::Stream(_) => return Err(self.unsupported("stream")),
            Type::ErrorContext => return Err(self.unsupported("error-context")),
            Type::Map(_) => return Err(self.unsupported("map")),
            Type::FixedLengthList(_) => return Err(self.unsupported("list of fixed length")),
        })
    }

    fn boxed(&mut self, ty: &Type, depth: usize) -> Result<Box<ValueType>, Unsupported> {
        self.read(ty, depth).map(Box::new)
    }

    fn names<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'a str>,
    ) -> Result<Vec<String>, Unsupported> {
        self.parts_left = self
            .parts_left
            .checked_sub(names.len())
            .ok_or_else(|| Unsupported::TooLarge { place: self.place.clone() })?;
        Ok(names.map(str::to_owned).collect())
    }

    fn unsupported(&self, kind: &'static str) -> Unsupported {
        Unsupported::Kind { place: self.place.clone(), kind }
    }
}

/// WIT syntax, with records, variants, enums and flags written out in place.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueType::Bool => f.write_str("bool"),
            ValueType::S8 => f.write_str("s8"),
            ValueType::U8 => f.write_str("u8"),
            ValueType::S16 => f.write_str("s16"),
            ValueType::U16 => f.write_str("u16"),
            ValueType::S32 => f.write_str("s32"),
            ValueType::U32 => f.write_str("u32"),
            ValueType::S64 => f.write_str("s64"),
            ValueType::U64 => f.write_str("u64"),
            ValueType::F32 => f.write_str("f32"),
            ValueType::F64 => f.write_str("f64"),
            ValueType::Char => f.write_str("char"),
            ValueType::String => f.write_str("string"),
            ValueType::List(of) => write!(f, "list<{of}>"),
            ValueType::Tuple(types) => {
                f.write_str("tuple<")?;
                separated(f, types, |f, ty| write!(f, "{ty}"))?;
                f.write_str(">")
            }
            ValueType::Record(fields) => {
                f.write_str("record { ")?;
                separated(f, fields, |f, field| write!(f, "{}: {}", field.name, field.ty))?;
                f.write_str(" }")
            }
            ValueType::Variant(cases) => {
                f.write_str("variant { ")?;
                separated(f, cases, |f, case| match &case.ty {
                    Some(ty) => write!(f, "{}({ty})", case.name),
                    None => f.write_str(&case.name),
                })?;
                f.write_str(" }")
            }
            ValueType::Enum(names) => write!(f, "enum {{ {} }}", names.join(", ")),
            ValueType::Flags(names) => write!(f, "flags {{ {} }}", names.join(", ")),
            ValueType::Option(of) => write!(f, "option<{of}>"),
            ValueType::Result { ok: Some(ok), err: Some(err) } => write!(f, "result<{ok}, {err}>"),
            ValueType::Result { ok: Some(ok), err: None } => write!(f, "result<{ok}>"),
            ValueType::Result { ok: None, err: Some(err) } => write!(f, "result<_, {err}>"),
            ValueType::Result { ok: None, err: None } => f.write_str("result"),
        }
    }
}

/// `add(x: s32, y: s32) -> s32`
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        separated(f, &self.params, |f, param| write!(f, "{}: {}", param.name, param.ty))?;
        f.write_str(")")?;
        match &self.result {
            Some(ty) => write!(f, " -> {ty}"),
            None => Ok(()),
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    parts: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(f, part)?;
    }
    Ok(())
}
