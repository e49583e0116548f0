//! The cheap checks of an upload: its name, its size, its structure. Each refusal says which rule and where.

use bytes::Bytes;
use serde_json::json;
use windlass_core::job::Digest;
use windlass_wire::{
    code::ErrorCode,
    limits::{PLUGIN_BYTES_MAX, PLUGIN_NAME_BYTES_MAX},
    name::is_plugin_name,
    problem::Problem,
};

use super::error::rejected;
use crate::sandbox::{EngineKind, inspect::inspect};
use crate::store::blobs::digest_of;

/// What is known about an upload without compiling it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) kind: EngineKind,
    pub(crate) imports: Vec<String>,
}

/// Checks what does not need the bytes to be read.
pub(crate) fn check_outside(name: &str, bytes: &Bytes) -> Result<(), Problem> {
    if !is_plugin_name(name) {
        return Err(Problem::new(ErrorCode::BadRequest, "the plugin's name is not one")
            .with_detail(json!({ "pointer": "/name" }))
            .with_hint(format!(
                "a name is 1 to {PLUGIN_NAME_BYTES_MAX} lower-case letters, digits and `-`, and begins with a letter"
            )));
    }
    if bytes.len() > PLUGIN_BYTES_MAX {
        let message =
            format!("the component has {} bytes, at most {PLUGIN_BYTES_MAX} are taken", bytes.len());
        return Err(Problem::new(ErrorCode::TooLarge, message).with_hint(
            "build it optimised and without debug information, for example with `wasm-tools strip`",
        ));
    }
    Ok(())
}

/// Reads the digest. Takes a tenth of a second for the largest upload.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    digest_of(bytes)
}

/// Checks the structure. Takes some milliseconds for each megabyte.
pub(crate) fn check_inside(bytes: &[u8]) -> Result<Candidate, Problem> {
    let inspection =
        inspect(bytes).map_err(|refused| rejected(refused.rule, refused.message, refused.offset))?;
    Ok(Candidate { kind: inspection.kind, imports: inspection.imports })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_a_path_is_refused() {
        for name in ["", "../math", "Math", "a b", "a/b", "9"] {
            let problem = check_outside(name, &Bytes::new()).unwrap_err();
            assert_eq!(problem.code, ErrorCode::BadRequest, "{name}");
        }
    }

    #[test]
    fn an_upload_above_the_limit_is_too_large() {
        let problem = check_outside("math", &Bytes::from(vec![0; PLUGIN_BYTES_MAX + 1])).unwrap_err();
        assert_eq!(problem.code, ErrorCode::TooLarge);
    }

    #[test]
    fn what_is_no_component_is_refused_with_its_rule() {
        let core = wat::parse_str("(module)").unwrap();
        let uploads: [(&[u8], &str); 4] = [
            (b"hello", "not_wasm"),
            (b"", "not_wasm"),
            (b"\x7fELF\x02\x01\x01", "native_code"),
            (&core, "core_module"),
        ];
        for (bytes, rule) in uploads {
            let problem = check_inside(bytes).unwrap_err();
            assert_eq!(problem.code, ErrorCode::PluginRejected);
            assert_eq!(problem.detail.unwrap()["rule"], rule);
        }
    }

    #[test]
    fn a_broken_component_is_refused_with_the_place() {
        let mut bytes = wat::parse_str("(component)").unwrap();
        bytes.push(0xff);
        let problem = check_inside(&bytes).unwrap_err();
        assert_eq!(problem.detail.unwrap()["where"]["offset"], 8);
    }
}
