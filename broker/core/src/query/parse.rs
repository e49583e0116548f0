//! From JSON to conditions.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use windlass_wire::limits::{
    FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_PATTERN_BYTES_MAX, FILTER_PATTERNS_MAX, FILTER_VALUES_MAX,
};

use super::{
    FilterError, Path, Schema,
    condition::{Comparison, Condition, Test, whole},
    error::{at, within},
};

/// Memory one compiled pattern may take, in bytes.
const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;
/// Groups within groups of one pattern.
const PATTERN_DEPTH_MAX: u32 = 32;

const OPERATORS: &str = "`$eq`, `$ne`, `$lt`, `$lte`, `$gt`, `$gte`, `$in`, `$nin`, `$all`, `$exists`, `$mod`, \
                         `$regex` with `$options`, `$not`";
const LOGIC: &str = "`$and`, `$or`, `$nor`, `$text`";

pub(super) fn parse(filter: &Value, base: &str, schema: &dyn Schema) -> Result<Condition, FilterError> {
    Parser { schema, conditions: 0, patterns: 0 }.filter(filter, base, 0)
}

struct Parser<'schema> {
    schema: &'schema dyn Schema,
    conditions: usize,
    patterns: usize,
}

impl Parser<'_> {
    fn filter(&mut self, filter: &Value, pointer: &str, depth: usize) -> Result<Condition, FilterError> {
        if depth > FILTER_DEPTH_MAX {
            return refuse(
                pointer,
                format!("expected filters within filters at most {FILTER_DEPTH_MAX} deep"),
            );
        }
        let fields = object(filter, pointer, "a filter: an object of conditions")?;
        let conditions = fields.iter().map(|(key, operand)| {
            let pointer = within(pointer, key);
            match key.as_str() {
                "$and" => self.filters(operand, &pointer, depth).map(Condition::All),
                "$or" => self.filters(operand, &pointer, depth).map(Condition::Any),
                "$nor" => self.filters(operand, &pointer, depth).map(Condition::Any).map(not),
                "$text" => self.words(operand, &pointer),
                key if key.starts_with('$') => {
                    refuse(&pointer, format!("unknown: expected the name of a field, or one of {LOGIC}"))
                }
                key => self.field(key, operand, &pointer, depth),
            }
        });
        conditions.collect::<Result<_, _>>().map(Condition::All)
    }

    fn filters(
        &mut self,
        filters: &Value,
        pointer: &str,
        depth: usize,
    ) -> Result<Vec<Condition>, FilterError> {
        let filters = list(filters, pointer)?;
        if filters.is_empty() {
            return refuse(pointer, "expected at least one filter");
        }
        self.count(pointer)?;
        let parsed = filters.iter().enumerate();
        parsed.map(|(place, filter)| self.filter(filter, &at(pointer, place), depth + 1)).collect()
    }

    fn field(
        &mut self,
        key: &str,
        operand: &Value,
        pointer: &str,
        depth: usize,
    ) -> Result<Condition, FilterError> {
        let path = Path::parse(key).or_else(|reason| refuse(pointer, reason))?;
        self.schema.check(&path).or_else(|reason| refuse(pointer, reason))?;
        match operand.as_object() {
            Some(operators) if has_operators(operators) => self.operators(&path, operators, pointer, depth),
            Some(_) | None => self.compares(&path, Comparison::Equal, operand, pointer),
        }
    }

    fn operators(
        &mut self,
        path: &Path,
        operators: &Map<String, Value>,
        pointer: &str,
        depth: usize,
    ) -> Result<Condition, FilterError> {
        let mut conditions = Vec::new();
        for (operator, operand) in operators {
            let place = within(pointer, operator);
            conditions.push(match operator.as_str() {
                "$options" if operators.contains_key("$regex") => continue,
                "$options" => return refuse(&place, "expected `$regex` beside it"),
                "$regex" => {
                    let options = operators.get("$options");
                    let pattern = self.pattern(operand, &place, options, &within(pointer, "$options"))?;
                    self.test(path, Test::Pattern(pattern), &place)?
                }
                "$not" => not(self.not(path, operand, &place, depth + 1)?),
                operator => self.operator(path, operator, operand, &place)?,
            });
        }
        Ok(Condition::All(conditions))
    }

    fn operator(
        &mut self,
        path: &Path,
        operator: &str,
        operand: &Value,
        pointer: &str,
    ) -> Result<Condition, FilterError> {
        match operator {
            "$eq" => self.compares(path, Comparison::Equal, operand, pointer),
            "$ne" => self.compares(path, Comparison::Equal, operand, pointer).map(not),
            "$lt" => self.compares(path, Comparison::Less, operand, pointer),
            "$lte" => self.compares(path, Comparison::LessOrEqual, operand, pointer),
            "$gt" => self.compares(path, Comparison::Greater, operand, pointer),
            "$gte" => self.compares(path, Comparison::GreaterOrEqual, operand, pointer),
            "$in" => self.one_of(path, operand, pointer),
            "$nin" => self.one_of(path, operand, pointer).map(not),
            "$all" => self.all_of(path, operand, pointer),
            "$exists" => match operand.as_bool() {
                Some(true) => self.test(path, Test::Exists, pointer),
                Some(false) => self.test(path, Test::Exists, pointer).map(not),
                None => refuse(pointer, "expected true or false"),
            },
            "$mod" => self.modulo(path, operand, pointer),
            _ => refuse(pointer, format!("unknown: expected one of {OPERATORS}, or none of them at all")),
        }
    }

    fn not(
        &mut self,
        path: &Path,
        operand: &Value,
        pointer: &str,
        depth: usize,
    ) -> Result<Condition, FilterError> {
        if depth > FILTER_DEPTH_MAX {
            return refuse(
                pointer,
                format!("expected filters within filters at most {FILTER_DEPTH_MAX} deep"),
            );
        }
        let operators = object(operand, pointer, "an object of operators")?;
        if operators.is_empty() {
            return refuse(pointer, "expected at least one operator");
        }
        self.operators(path, operators, pointer, depth)
    }

    fn compares(
        &mut self,
        path: &Path,
        comparison: Comparison,
        operand: &Value,
        pointer: &str,
    ) -> Result<Condition, FilterError> {
        let operand = self.operand(path, operand, pointer)?;
        self.test(path, Test::Compares(comparison, operand), pointer)
    }

    fn one_of(&mut self, path: &Path, operands: &Value, pointer: &str) -> Result<Condition, FilterError> {
        let operands = self.operands(path, operands, pointer)?;
        self.test(path, Test::In(operands), pointer)
    }

    /// A list that has all of these in it. No list at all has all of nothing.
    fn all_of(&mut self, path: &Path, operands: &Value, pointer: &str) -> Result<Condition, FilterError> {
        let operands = self.operands(path, operands, pointer)?;
        if operands.is_empty() {
            return Ok(Condition::Any(Vec::new()));
        }
        let tests = operands.into_iter().map(|operand| Test::Compares(Comparison::Equal, operand));
        tests.map(|test| self.test(path, test, pointer)).collect::<Result<_, _>>().map(Condition::All)
    }

    fn modulo(&mut self, path: &Path, operand: &Value, pointer: &str) -> Result<Condition, FilterError> {
        let numbers = list(operand, pointer)?.iter().map(|number| number.as_number().and_then(whole));
        match numbers.collect::<Option<Vec<_>>>().as_deref() {
            Some([0, _]) => refuse(pointer, "expected a divisor that is not 0"),
            Some([divisor, remainder]) => {
                self.test(path, Test::Mod { divisor: *divisor, remainder: *remainder }, pointer)
            }
            Some(_) | None => refuse(pointer, "expected `[divisor, remainder]`, two integers"),
        }
    }

    fn operands(&self, path: &Path, operands: &Value, pointer: &str) -> Result<Vec<Value>, FilterError> {
        let operands = list(operands, pointer)?;
        if operands.len() > FILTER_VALUES_MAX {
            return refuse(pointer, format!("expected at most {FILTER_VALUES_MAX} values"));
        }
        let places = operands.iter().enumerate();
        places.map(|(place, operand)| self.operand(path, operand, &at(pointer, place))).collect()
    }

    fn operand(&self, path: &Path, operand: &Value, pointer: &str) -> Result<Value, FilterError> {
        if operand.as_object().is_some_and(has_operators) {
            return refuse(pointer, "expected a value: operators do not go here");
        }
        self.schema.operand(path, operand.clone()).or_else(|reason| refuse(pointer, reason))
    }

    fn test(&mut self, path: &Path, test: Test, pointer: &str) -> Result<Condition, FilterError> {
        self.count(pointer)?;
        Ok(Condition::Field(path.clone(), test))
    }

    fn words(&mut self, operand: &Value, pointer: &str) -> Result<Condition, FilterError> {
        let Some(text) = operand.as_str() else { return refuse(pointer, "expected text: words to look for") };
        let words = text.split_whitespace();
        let words =
            words.map(|word| self.compile(&regex::escape(word), "i", pointer)).collect::<Result<_, _>>()?;
        Ok(Condition::Words { words, paths: self.schema.text_paths() })
    }

    fn pattern(
        &mut self,
        operand: &Value,
        pointer: &str,
        options: Option<&Value>,
        options_pointer: &str,
    ) -> Result<Regex, FilterError> {
        let Some(pattern) = operand.as_str() else { return refuse(pointer, "expected text: a pattern") };
        let letters = match options.map(Value::as_str) {
            None => "",
            Some(Some(letters)) if letters.chars().all(|letter| "imsx".contains(letter)) => letters,
            Some(_) => return refuse(options_pointer, "expected letters out of `imsx`"),
        };
        self.compile(pattern, letters, pointer)
    }

    fn compile(&mut self, pattern: &str, options: &str, pointer: &str) -> Result<Regex, FilterError> {
        self.count(pointer)?;
        self.patterns += 1;
        if self.patterns > FILTER_PATTERNS_MAX {
            return refuse(pointer, format!("expected at most {FILTER_PATTERNS_MAX} patterns and words"));
        }
        if pattern.len() > FILTER_PATTERN_BYTES_MAX {
            return refuse(
                pointer,
                format!("expected a pattern of at most {FILTER_PATTERN_BYTES_MAX} bytes"),
            );
        }
        RegexBuilder::new(pattern)
            .case_insensitive(options.contains('i'))
            .multi_line(options.contains('m'))
            .dot_matches_new_line(options.contains('s'))
            .ignore_whitespace(options.contains('x'))
            .nest_limit(PATTERN_DEPTH_MAX)
            .size_limit(PATTERN_COMPILED_BYTES_MAX)
            .build()
            .or_else(|error| refuse(pointer, format!("not a pattern: {}", last_line(&error.to_string()))))
    }

    fn count(&mut self, pointer: &str) -> Result<(), FilterError> {
        self.conditions += 1;
        if self.conditions > FILTER_CONDITIONS_MAX {
            return refuse(pointer, format!("expected at most {FILTER_CONDITIONS_MAX} conditions in all"));
        }
        Ok(())
    }
}

fn has_operators(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|key| key.starts_with('$'))
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn object<'value>(
    value: &'value Value,
    pointer: &str,
    expected: &str,
) -> Result<&'value Map<String, Value>, FilterError> {
    value.as_object().map_or_else(|| refuse(pointer, format!("expected {expected}")), Ok)
}

fn list<'value>(value: &'value Value, pointer: &str) -> Result<&'value Vec<Value>, FilterError> {
    value.as_array().map_or_else(|| refuse(pointer, "expected a list"), Ok)
}

fn refuse<T>(pointer: &str, reason: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError::new(pointer, reason))
}

/// The line of a pattern's error that says what is wrong; those before draw the pattern.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_owned()
}
