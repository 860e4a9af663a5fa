//! An expression as a suite writes it: compiled once, when it is first needed.

use std::borrow::Cow;
use std::sync::OnceLock;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::diagnostic::Place;
use crate::expr::{Expr, ExprError};
use crate::yaml::Located;

/// A CEL expression and where it stands.
#[derive(Debug)]
pub struct Expression {
    text: Located<String>,
    compiled: OnceLock<Result<Expr, ExprError>>,
}

impl Expression {
    /// The expression as written, without the blanks around it.
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    /// Where it begins in its file.
    pub fn place(&self) -> Place {
        self.text.place
    }

    /// The place of a byte of [`Self::text`] in the file.
    pub(crate) fn place_of(&self, file: &str, offset: usize) -> Place {
        let blanks = self.text.len() - self.text.trim_start().len();
        crate::yaml::inside(file, self.text.place, &self.text.value, blanks + offset)
    }

    /// The compiled expression, or why there is none.
    pub fn compiled(&self) -> Result<&Expr, &ExprError> {
        self.compiled
            .get_or_init(|| Expr::compile(self.text()))
            .as_ref()
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            text: Located::deserialize(deserializer)?,
            compiled: OnceLock::new(),
        })
    }
}

impl JsonSchema for Expression {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<String>()
    }
}
