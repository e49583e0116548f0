//! Arguments written straight into the parameters of the core function, bytes in one copy.
//!
//! wasmtime has two ways to call a function: with types known when the host is compiled, or with [`Val`]s,
//! which cost forty bytes and some sixty nanoseconds for each byte of a `list<u8>`. Handlers are known only at
//! run time but often take an image or a file, so [`FlatArguments`] is a type for the first way that finds out
//! at run time what it is to be.

use std::mem::MaybeUninit;

use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lower, Val};
use wasmtime::{Result, ValRaw, bail};

use super::arguments::Argument;
use super::types::{Field, ValueType};

/// Core parameters a function has at most; more are passed in memory instead.
const FLAT_MAX: usize = 16;
/// Flags of one core parameter.
const FLAGS_MAX: usize = 32;

/// The arguments of a function for which [`is_flat`] holds.
pub(super) struct FlatArguments(pub(super) Vec<Argument>);

type Slots<'a> = std::slice::IterMut<'a, ValRaw>;

/// Whether a function of these parameters can be called with [`FlatArguments`].
pub(super) fn is_flat<'a>(params: impl Iterator<Item = &'a ValueType>) -> bool {
    let of = |ty: &ValueType| if ty.is_bytes() { Some(2) } else { slots(ty) };
    params.map(of).sum::<Option<usize>>().is_some_and(|slots| slots <= FLAT_MAX)
}

/// How many core parameters a type takes, if it is one that can be written here.
fn slots(ty: &ValueType) -> Option<usize> {
    match ty {
        ValueType::Bool
        | ValueType::S8
        | ValueType::U8
        | ValueType::S16
        | ValueType::U16
        | ValueType::S32
        | ValueType::U32
        | ValueType::S64
        | ValueType::U64
        | ValueType::F32
        | ValueType::F64
        | ValueType::Char
        | ValueType::Enum(_) => Some(1),
        ValueType::Flags(names) => (names.len() <= FLAGS_MAX).then_some(1),
        ValueType::String => Some(2),
        ValueType::Option(of) => slots(of).map(|slots| slots + 1),
        ValueType::Tuple(types) => types.iter().map(slots).sum(),
        ValueType::Record(fields) => fields.iter().map(|Field { ty, .. }| slots(ty)).sum(),
        ValueType::List(_) | ValueType::Variant(_) | ValueType::Result { .. } => None,
    }
}

// SAFETY: a tuple of parameters is a named list; its names are not looked at.
#[expect(unsafe_code, reason = "wasmtime has no safe way to pass bytes to a function known only at run time")]
unsafe impl ComponentNamedList for FlatArguments {}

// SAFETY: `Lower` is an array of `ValRaw`, as many as a function can have core parameters; functions that have
// fewer read only theirs. `ABI` describes storage in memory, which is never used because `FLAT_MAX` parameters
// always go flat. `typecheck` makes sure that the function takes its parameters flat.
#[expect(unsafe_code, reason = "wasmtime has no safe way to pass bytes to a function known only at run time")]
unsafe impl ComponentType for FlatArguments {
    type Lower = [ValRaw; FLAT_MAX];

    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        let InterfaceType::Tuple(tuple) = ty else { bail!("the parameters are no tuple") };
        if types.types[*tuple].abi.flat_count(FLAT_MAX).is_none() {
            bail!("the parameters are passed in memory");
        }
        Ok(())
    }
}

// SAFETY: every slot is initialised before anything else; then each argument is written in the way of its type,
// and an argument of another type is an error.
#[expect(unsafe_code, reason = "wasmtime has no safe way to pass bytes to a function known only at run time")]
unsafe impl Lower for FlatArguments {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let InterfaceType::Tuple(tuple) = ty else { bail!("the parameters are no tuple") };
        let types = &cx.types[tuple].types;
        if types.len() != self.0.len() {
            bail!("expected {} arguments, found {}", types.len(), self.0.len());
        }
        let mut slots = dst.write([ValRaw::u64(0); FLAT_MAX]).iter_mut();
        for (ty, argument) in types.iter().zip(&self.0) {
            match argument {
                Argument::Bytes(bytes) => {
                    if !matches!(ty, InterfaceType::List(list) if cx.types[*list].element == InterfaceType::U8)
                    {
                        bail!("bytes for a parameter that takes none");
                    }
                    lower_pair(bytes.as_slice(), cx, *ty, &mut slots)?;
                }
                Argument::Value(value) => lower(value, cx, *ty, &mut slots)?,
            }
        }
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        _cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        _offset: usize,
    ) -> Result<()> {
        bail!("flat arguments are not stored in memory")
    }
}

fn lower<T>(
    value: &Val,
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
) -> Result<()> {
    match (ty, value) {
        (InterfaceType::Bool, Val::Bool(value)) => put(slots, ValRaw::u32(u32::from(*value))),
        (InterfaceType::S8, Val::S8(value)) => put(slots, ValRaw::i32(i32::from(*value))),
        (InterfaceType::U8, Val::U8(value)) => put(slots, ValRaw::u32(u32::from(*value))),
        (InterfaceType::S16, Val::S16(value)) => put(slots, ValRaw::i32(i32::from(*value))),
        (InterfaceType::U16, Val::U16(value)) => put(slots, ValRaw::u32(u32::from(*value))),
        (InterfaceType::S32, Val::S32(value)) => put(slots, ValRaw::i32(*value)),
        (InterfaceType::U32, Val::U32(value)) => put(slots, ValRaw::u32(*value)),
        (InterfaceType::S64, Val::S64(value)) => put(slots, ValRaw::i64(*value)),
        (InterfaceType::U64, Val::U64(value)) => put(slots, ValRaw::u64(*value)),
        (InterfaceType::Float32, Val::Float32(value)) => put(slots, ValRaw::f32(value.to_bits())),
        (InterfaceType::Float64, Val::Float64(value)) => put(slots, ValRaw::f64(value.to_bits())),
        (InterfaceType::Char, Val::Char(value)) => put(slots, ValRaw::u32(u32::from(*value))),
        (InterfaceType::String, Val::String(value)) => lower_pair(value.as_str(), cx, ty, slots),
        (InterfaceType::Enum(index), Val::Enum(name)) => {
            put(slots, ValRaw::u32(position(cx.types[index].names.get_index_of(name))?))
        }
        (InterfaceType::Flags(index), Val::Flags(set)) if cx.types[index].names.len() <= FLAGS_MAX => {
            let names = &cx.types[index].names;
            let bits = set.iter().try_fold(0, |bits, name| {
                position(names.get_index_of(name)).map(|position| bits | 1_u32 << position)
            });
            put(slots, ValRaw::u32(bits?))
        }
        (InterfaceType::Option(index), Val::Option(value)) => {
            let option = &cx.types[index];
            let Some(width) = option.abi.flat_count(FLAT_MAX) else { bail!("the option is too wide") };
            put(slots, ValRaw::u32(u32::from(value.is_some())))?;
            if let Some(value) = value {
                return lower(value, cx, option.ty, slots);
            }
            slots.by_ref().take(width - 1).for_each(drop);
            Ok(())
        }
        (InterfaceType::Tuple(index), Val::Tuple(values)) => {
            let types = &cx.types[index].types;
            if types.len() != values.len() {
                bail!("expected {} values, found {}", types.len(), values.len());
            }
            types.iter().zip(values).try_for_each(|(ty, value)| lower(value, cx, *ty, slots))
        }
        (InterfaceType::Record(index), Val::Record(values)) => {
            let fields = &cx.types[index].fields;
            if fields.len() != values.len() {
                bail!("expected {} fields, found {}", fields.len(), values.len());
            }
            fields.iter().zip(values).try_for_each(|(field, (_, value))| lower(value, cx, field.ty, slots))
        }
        _ => bail!("an argument is not of the type of its parameter"),
    }
}

/// Writes what is an address and a length, and has its content copied into the guest's memory.
fn lower_pair<T, P>(
    value: &P,
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
) -> Result<()>
where
    P: Lower<Lower = [ValRaw; 2]> + ?Sized,
{
    let mut pair = MaybeUninit::new([ValRaw::u64(0); 2]);
    value.linear_lower_to_flat(cx, ty, &mut pair)?;
    // SAFETY: it was initialised above.
    #[expect(unsafe_code, reason = "wasmtime writes into uninitialised memory")]
    let [address, length] = unsafe { pair.assume_init() };
    put(slots, address)?;
    put(slots, length)
}

fn put(slots: &mut Slots<'_>, value: ValRaw) -> Result<()> {
    match slots.next() {
        Some(slot) => {
            *slot = value;
            Ok(())
        }
        None => bail!("the arguments do not fit the parameters"),
    }
}

fn position(index: Option<usize>) -> Result<u32> {
    match index.map(u32::try_from) {
        Some(Ok(index)) => Ok(index),
        _ => bail!("the name is not one of the type"),
    }
}
