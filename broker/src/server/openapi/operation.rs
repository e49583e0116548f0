//! What a route takes and answers, and how a description says it.

use hyper::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use windlass_wire::{
    code::ErrorCode,
    id::JobId,
    problem::{PROBLEM_MEDIA_TYPE, ProblemDocument},
    schema::{NAME, PLUGIN_NAME},
};

use crate::server::routes::Access;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
/// The media type of server-sent events: many values, of which no schema can speak.
pub(super) const EVENTS: &str = "text/event-stream";

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a route takes and answers.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The op it is the twin of, or a name of its own.
    pub(super) name: &'static str,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    answers: Vec<Answered>,
    refusals: Vec<ErrorCode>,
}

struct Parameter {
    place: &'static str,
    is_required: bool,
    name: &'static str,
    schema: MakeSchema,
    meaning: &'static str,
}

struct Body {
    media_type: &'static str,
    schema: MakeSchema,
    is_required: bool,
    example: Option<Value>,
}

struct Answered {
    status: u16,
    meaning: &'static str,
    media_types: Vec<&'static str>,
    /// None = OpenAPI has no words for it.
    schema: Option<MakeSchema>,
    headers: &'static [(&'static str, &'static str)],
}

/// The schema of a type.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Text of any form, but without NUL, which is refused wherever it stands in a URL.
pub(super) fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[^\\u0000]*$" })
}

/// Text of any form.
fn any_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string" })
}

fn binary(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "binary" })
}

/// Anything.
pub(super) fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({})
}

impl Operation {
    pub(super) fn get(name: &'static str, path: &'static str) -> Self {
        Self::new(Method::GET, name, path)
    }

    pub(super) fn post(name: &'static str, path: &'static str) -> Self {
        Self::new(Method::POST, name, path).refuses(&[ErrorCode::TooLarge])
    }

    pub(super) fn delete(name: &'static str, path: &'static str) -> Self {
        Self::new(Method::DELETE, name, path)
    }

    pub(super) fn put(name: &'static str, path: &'static str) -> Self {
        Self::new(Method::PUT, name, path).refuses(&[ErrorCode::TooLarge])
    }

    fn new(method: Method, name: &'static str, path: &'static str) -> Self {
        let (parameters, answers, refusals) = (Vec::new(), Vec::new(), Vec::new());
        Self { method, path, name, parameters, body: None, answers, refusals }
    }

    /// Takes a key of the query.
    pub(super) fn query(self, name: &'static str, schema: MakeSchema, meaning: &'static str) -> Self {
        self.parameter(Parameter { place: "query", is_required: false, name, schema, meaning })
    }

    /// Takes a key of the query that must be there.
    pub(super) fn required_query(
        self,
        name: &'static str,
        schema: MakeSchema,
        meaning: &'static str,
    ) -> Self {
        self.parameter(Parameter { place: "query", is_required: true, name, schema, meaning })
    }

    /// Takes a header.
    pub(super) fn header(self, name: &'static str, schema: MakeSchema, meaning: &'static str) -> Self {
        self.parameter(Parameter { place: "header", is_required: false, name, schema, meaning })
    }

    fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes JSON.
    pub(super) fn takes<T: JsonSchema>(mut self, example: Value) -> Self {
        self.body =
            Some(Body { media_type: JSON, schema: of::<T>, is_required: true, example: Some(example) });
        self
    }

    /// Takes any JSON, or nothing.
    pub(super) fn may_take(mut self, schema: MakeSchema, example: Value) -> Self {
        self.body = Some(Body { media_type: JSON, schema, is_required: false, example: Some(example) });
        self
    }

    /// Takes bytes.
    pub(super) fn takes_bytes(mut self, media_type: &'static str) -> Self {
        self.body = Some(Body { media_type, schema: binary, is_required: true, example: None });
        self
    }

    /// Answers JSON.
    pub(super) fn answers<T: JsonSchema>(self, status: u16, meaning: &'static str) -> Self {
        self.answers_schema(status, of::<T>, meaning)
    }

    /// Answers JSON of a schema.
    pub(super) fn answers_schema(self, status: u16, schema: MakeSchema, meaning: &'static str) -> Self {
        self.answered(Answered {
            status,
            meaning,
            media_types: vec![JSON],
            schema: Some(schema),
            headers: &[],
        })
    }

    /// Answers plain text.
    pub(super) fn answers_text(self, meaning: &'static str) -> Self {
        self.answers_media(TEXT, meaning)
    }

    /// Answers text of a media type.
    pub(super) fn answers_media(self, media_type: &'static str, meaning: &'static str) -> Self {
        let schema = (media_type != EVENTS).then_some(any_text as MakeSchema);
        self.answered(Answered { status: 200, meaning, media_types: vec![media_type], schema, headers: &[] })
    }

    /// Answers bytes.
    pub(super) fn answers_bytes(self, meaning: &'static str) -> Self {
        self.answered(Answered {
            status: 200,
            meaning,
            media_types: vec!["application/octet-stream"],
            schema: Some(binary),
            headers: &[],
        })
    }

    /// Answers JSON of a type, one value a line.
    pub(super) fn answers_lines<T: JsonSchema>(self, meaning: &'static str) -> Self {
        self.answered(Answered {
            status: 200,
            meaning,
            media_types: vec!["application/x-ndjson"],
            schema: Some(of::<T>),
            headers: &[],
        })
    }

    /// The last answer may be of this media type too.
    pub(super) fn or_media(mut self, media_type: &'static str) -> Self {
        if let Some(answered) = self.answers.last_mut() {
            answered.media_types.push(media_type);
        }
        self
    }

    /// Answers without a body.
    pub(super) fn answers_nothing(self, status: u16, meaning: &'static str) -> Self {
        self.answered(Answered { status, meaning, media_types: Vec::new(), schema: None, headers: &[] })
    }

    fn answered(mut self, answered: Answered) -> Self {
        self.answers.push(answered);
        self
    }

    /// The last answer comes with a header.
    pub(super) fn with_headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        if let Some(answered) = self.answers.last_mut() {
            answered.headers = headers;
        }
        self
    }

    /// May be refused so, beside what anything may be refused with.
    pub(super) fn refuses(mut self, codes: &[ErrorCode]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// The family it belongs to.
    pub(super) fn tag(&self) -> &str {
        let mut parts = self.path.split('/').skip(1);
        match (parts.next(), parts.next()) {
            (Some("v1"), Some(family)) => family.trim_end_matches(".json"),
            _ => "broker",
        }
    }

    pub(super) fn parameters(&self, access: Access, generator: &mut SchemaGenerator) -> Vec<Value> {
        let in_path = self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let mut parameters: Vec<_> = in_path
            .map(|name| {
                let (schema, meaning) = part_of_path(name, generator);
                json!({ "in": "path", "name": name, "required": true, "schema": schema, "description": meaning })
            })
            .collect();
        parameters.extend(self.parameters.iter().map(|parameter| {
            let Parameter { place, is_required, name, schema, meaning } = parameter;
            let schema = schema(generator);
            json!({ "in": place, "name": name, "required": is_required, "schema": schema, "description": meaning })
        }));
        if access != Access::Open {
            parameters.push(channel());
        }
        parameters
    }

    pub(super) fn request_body(&self, generator: &mut SchemaGenerator) -> Option<Value> {
        let Body { media_type, schema, is_required, example } = self.body.as_ref()?;
        let mut content = json!({ "schema": schema(generator) });
        if let Some(example) = example {
            content["example"] = example.clone();
        }
        Some(json!({ "required": is_required, "content": { *media_type: content } }))
    }

    pub(super) fn responses(&self, access: Access, generator: &mut SchemaGenerator) -> Value {
        let mut responses = Map::new();
        for Answered { status, meaning, media_types, schema, headers } in &self.answers {
            let said = schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema(generator) }));
            let content: Map<_, _> =
                media_types.iter().map(|media| ((*media).to_owned(), said.clone())).collect();
            let headers = headers.iter().map(|(name, meaning)| {
                (*name, json!({ "description": meaning, "schema": { "type": "string" } }))
            });
            let headers: Map<_, _> = headers.map(|(name, said)| (name.to_owned(), said)).collect();
            let answered = json!({ "description": meaning, "content": content, "headers": headers });
            responses.insert(status.to_string(), answered);
        }
        let anything: &[ErrorCode] = match access {
            Access::Open => &[ErrorCode::BadRequest, ErrorCode::Forbidden, ErrorCode::Internal],
            Access::Hello | Access::Token => &[
                ErrorCode::BadRequest,
                ErrorCode::Draining,
                ErrorCode::Forbidden,
                ErrorCode::Internal,
                ErrorCode::Unauthorized,
            ],
        };
        add_refusals(&mut responses, anything.iter().chain(&self.refusals).copied(), generator);
        responses.into()
    }
}

/// Adds what may be refused, by status, with the codes that have it.
pub(super) fn add_refusals(
    responses: &mut Map<String, Value>,
    codes: impl Iterator<Item = ErrorCode>,
    generator: &mut SchemaGenerator,
) {
    let mut codes: Vec<_> = codes.collect();
    codes.sort_unstable_by_key(|code| (code.status(), *code));
    codes.dedup();
    for codes in codes.chunk_by(|left, right| left.status() == right.status()) {
        let names: Vec<_> = codes.iter().map(|code| code.name()).collect();
        let mut schema = of::<ProblemDocument>(generator);
        schema.insert("properties".into(), json!({ "code": { "enum": names } }));
        let status = codes[0].status();
        let answered = json!({
            "description": format!("`{}`", names.join("`, `")),
            "content": { PROBLEM_MEDIA_TYPE: { "schema": schema, "example": example(codes[0]) } },
        });
        responses.insert(status.to_string(), answered);
    }
}

fn example(code: ErrorCode) -> Value {
    let problem = windlass_wire::problem::Problem::new(code, "one sentence about this very case");
    json!(ProblemDocument::from(problem))
}

/// The header that chooses a channel.
pub(super) fn channel() -> Value {
    json!({
        "in": "header",
        "name": "Windlass-Channel",
        "schema": { "type": "string", "pattern": NAME, "maxLength": windlass_wire::limits::NAME_BYTES_MAX, "default": "0" },
        "description": "The channel to work in; jobs of others are not found",
    })
}

/// What stands in a variable part of a path.
fn part_of_path(name: &str, generator: &mut SchemaGenerator) -> (Schema, &'static str) {
    match name {
        "id" => (of::<JobId>(generator), "The job"),
        "digest" => (
            json_schema!({ "type": "string", "pattern": "^[0-9a-f]{1,64}$" }),
            "Digest of the version, or the unique beginning of one",
        ),
        "file" => (json_schema!({ "type": "string", "minLength": 1 }), "The file's name"),
        "function" => {
            (json_schema!({ "type": "string", "minLength": 1 }), "The function, `f` or `interface.f`")
        }
        "queue" => (
            json_schema!({ "type": "string", "pattern": NAME, "maxLength": windlass_wire::limits::NAME_BYTES_MAX }),
            "The queue",
        ),
        "schedule" => (
            json_schema!({ "type": "string", "pattern": NAME, "maxLength": windlass_wire::limits::NAME_BYTES_MAX }),
            "The schedule",
        ),
        _ => (json_schema!({ "type": "string", "pattern": PLUGIN_NAME }), "The plugin"),
    }
}
