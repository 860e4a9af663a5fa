//! Rows, a table or a password of PostgreSQL.
//!
//! The SQL is ours: names are checked and quoted, values are literals, and both only by
//! [`identifier`] and [`literal`]. It is fed to psql as the system user postgres.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runproof_facts::quote::sh;
use serde::Deserialize;
use serde_json::Value;

use crate::act::Act;
use crate::error::FaultError;

/// Columns and what stands in them: texts, numbers, booleans, or null.
type Columns = BTreeMap<String, Value>;

/// Changes one thing of a database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Postgres {
    /// The database; only a password has none.
    pub database: Option<String>,
    /// Rows are no more. What hangs on them stays.
    pub delete_rows: Option<DeleteRows>,
    /// Rows have other values.
    pub update_rows: Option<UpdateRows>,
    /// There is one row more.
    pub insert_row: Option<InsertRow>,
    /// A table has another name.
    pub rename_table: Option<RenameTable>,
    /// The role whose password is another.
    pub password_of: Option<String>,
    /// That password.
    pub to: Option<String>,
}

/// Rows that are no more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteRows {
    /// The table.
    pub table: String,
    /// Which rows.
    #[serde(rename = "where")]
    pub which: Columns,
}

/// Rows with other values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateRows {
    /// The table.
    pub table: String,
    /// What they have then.
    pub set: Columns,
    /// Which rows.
    #[serde(rename = "where")]
    pub which: Columns,
}

/// One row more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsertRow {
    /// The table.
    pub table: String,
    /// What stands in it; the other columns have their defaults.
    pub values: Columns,
}

/// A table with another name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameTable {
    /// Its name.
    pub table: String,
    /// Its name then.
    pub to: String,
}

impl Postgres {
    pub(super) fn act(&self) -> Result<Act, FaultError> {
        let given = [
            self.delete_rows.is_some(),
            self.update_rows.is_some(),
            self.insert_row.is_some(),
            self.rename_table.is_some(),
            self.password_of.is_some() || self.to.is_some(),
        ];
        let one = given.iter().filter(|given| **given).count() == 1;
        match (&self.database, &self.password_of, &self.to) {
            (Some(database), None, None) if one => self.in_database(database),
            (None, Some(role), Some(to)) if one => password(role, to),
            _ => Err(FaultError::Unreadable(
                "a fault of PostgreSQL is a `database` with one of `delete-rows`, `update-rows`, `insert-row`, `rename-table`; or `password-of` with `to`".to_owned(),
            )),
        }
    }

    /// The one change that is given.
    fn in_database(&self, database: &str) -> Result<Act, FaultError> {
        if let Some(rename) = &self.rename_table {
            return rename_table(database, rename);
        }
        let (does, rows) = if let Some(DeleteRows { table, which }) = &self.delete_rows {
            let of = all_of(which, " AND ", equals)?;
            let change = format!("DELETE FROM {} WHERE {of}", identifier(table)?);
            ("deletes rows", (table, vec![which], change, Some(of)))
        } else if let Some(UpdateRows { table, set, which }) = &self.update_rows {
            let of = all_of(which, " AND ", equals)?;
            let to = all_of(set, ", ", |name, value| {
                format!("{name} = {}", literal(value))
            })?;
            let change = format!("UPDATE {} SET {to} WHERE {of}", identifier(table)?);
            ("changes rows", (table, vec![which, set], change, Some(of)))
        } else if let Some(InsertRow { table, values }) = &self.insert_row {
            let names = all_of(values, ", ", |name, _| name.to_owned())?;
            let row = all_of(values, ", ", |_, value| literal(value))?;
            let change = format!(
                "INSERT INTO {} ({names}) VALUES ({row})",
                identifier(table)?
            );
            ("adds a row", (table, vec![values], change, None))
        } else {
            return Err(FaultError::Unreadable("nothing is changed".to_owned()));
        };
        let (table, columns, change, which) = rows;
        let rows = Rows {
            database,
            table,
            columns,
            change,
            which,
        };
        rows.act(does)
    }
}

/// Rows of one table that are changed.
struct Rows<'a> {
    database: &'a str,
    table: &'a str,
    /// The columns that the fault names.
    columns: Vec<&'a Columns>,
    change: String,
    /// Which rows have to be there.
    which: Option<String>,
}

impl Rows<'_> {
    /// The rows of the whole table are kept, and put back in one transaction without triggers, so
    /// that no other table is touched on the way there or back.
    fn act(&self, does: &str) -> Result<Act, FaultError> {
        let table = identifier(self.table)?;
        let db = self.database;
        identifier(db)?;
        let mut names = Vec::new();
        for name in self.columns.iter().flat_map(|columns| columns.keys()) {
            identifier(name)?;
            names.push(literal(&Value::String(name.clone())));
        }
        // How many rows, and a digest of the columns that are named and of the primary key: the others live on by themselves.
        let state = format!(
            "SELECT 'SELECT count(*), md5(coalesce(string_agg(r, chr(10) ORDER BY r), '''')) FROM (SELECT ROW(' \
             || string_agg(quote_ident(attname), ', ' ORDER BY attname) || ')::text AS r FROM {table}) s' \
             FROM pg_attribute WHERE attrelid = to_regclass({regclass}) AND attnum > 0 AND NOT attisdropped \
             AND (attname IN ({names}) OR attnum IN (SELECT unnest(indkey::int2[]) FROM pg_index WHERE indrelid = attrelid AND indisprimary)) \
             HAVING count(*) > 0 \\gexec\n",
            // The name stands within a literal of the query that is made.
            regclass = literal(&Value::String(table.clone())),
            names = names.join(", "),
        );
        let exists = format!(
            "SELECT 1 / (to_regclass({}) IS NOT NULL)::int",
            literal(&Value::String(table.clone()))
        );
        let rows = self.which.as_ref().map_or_else(
            || ":".to_owned(),
            |which| {
                psql(
                    db,
                    &format!("SELECT 1 / sign(count(*))::int FROM {table} WHERE {which}"),
                    "",
                )
            },
        );
        let (digest, restore) = (
            psql(db, &state, ""),
            format!(
                "BEGIN; SET LOCAL session_replication_role = replica; LOCK TABLE {table} IN EXCLUSIVE MODE; DELETE FROM {table}; COPY {table} FROM STDIN;\n"
            ),
        );
        Ok(Act {
            words: format!("{does} of {} in {db}", self.table),
            on: Some("tables".to_owned()),
            engine: None,
            needs: format!(
                "{} >/dev/null 2>&1 || {{ echo 'there is no table {}, or no database {}' >&2; exit 1; }}\n\
                 {rows} >/dev/null 2>&1 || {{ echo 'no row is so' >&2; exit 1; }}",
                psql(db, &exists, ""),
                self.table,
                sh(db),
            ),
            state: format!("{digest} 2>/dev/null || echo 'no answer'"),
            keep: format!(
                "{} >\"$KEPT/rows\" && ({digest}) >\"$KEPT/before\"",
                psql(db, &format!("COPY {table} TO STDOUT"), "")
            ),
            inject: psql(
                db,
                &format!(
                    "BEGIN; SET LOCAL session_replication_role = replica; {}; COMMIT",
                    self.change
                ),
                "",
            ),
            effect: format!("! ({digest}) | cmp -s - \"$KEPT/before\""),
            // The rows follow the text, as psql reads them behind COPY.
            restore: psql(
                db,
                &restore,
                "cat \"$KEPT/rows\"; printf '\\\\.\\nCOMMIT;\\n'",
            ),
        })
    }
}

fn rename_table(database: &str, rename: &RenameTable) -> Result<Act, FaultError> {
    let (old, new) = (identifier(&rename.table)?, identifier(&rename.to)?);
    identifier(database)?;
    let is = |name: &str| format!("to_regclass({})", literal(&Value::String(name.to_owned())));
    let state = psql(
        database,
        &format!("SELECT {} IS NOT NULL, {} IS NOT NULL", is(&old), is(&new)),
        "",
    );
    Ok(Act {
        words: format!(
            "renames the table {} to {} in {database}",
            rename.table, rename.to
        ),
        on: Some("tables".to_owned()),
        engine: None,
        needs: format!(
            "[ \"$({state})\" = 't|f' ] || {{ echo 'there is no table {}, or one of the name {} already' >&2; exit 1; }}",
            rename.table, rename.to
        ),
        state: format!("{state} 2>/dev/null || echo 'no answer'"),
        keep: ":".to_owned(),
        inject: psql(database, &format!("ALTER TABLE {old} RENAME TO {new}"), ""),
        effect: format!("case $({state}) in *'|t') ;; *) false ;; esac"),
        // A program that makes its tables when it starts may have made an empty one meanwhile.
        restore: format!(
            "case $({state}) in\n't|t') {} ;;\n'f|t') {} ;;\nesac",
            psql(
                database,
                &format!(
                    "BEGIN; DROP TABLE {old} CASCADE; ALTER TABLE {new} RENAME TO {old}; COMMIT"
                ),
                ""
            ),
            psql(database, &format!("ALTER TABLE {new} RENAME TO {old}"), "")
        ),
    })
}

fn password(role: &str, to: &str) -> Result<Act, FaultError> {
    let name = identifier(role)?;
    let verifier = psql(
        "postgres",
        &format!(
            "SELECT rolpassword FROM pg_authid WHERE rolname = {}",
            literal(&Value::String(role.to_owned()))
        ),
        "",
    );
    let set = format!(
        "ALTER ROLE {name} PASSWORD {}",
        literal(&Value::String(to.to_owned()))
    );
    Ok(Act {
        words: format!("changes the password of {role}"),
        on: Some("tables".to_owned()),
        engine: None,
        needs: format!(
            "[ -n \"$({verifier})\" ] || {{ echo 'there is no role {role} with a password' >&2; exit 1; }}"
        ),
        state: format!("({verifier} 2>/dev/null || echo 'no answer') | sha256sum"),
        keep: format!("umask 077; {verifier} >\"$KEPT/verifier\""),
        inject: psql("postgres", &set, ""),
        effect: format!("! ({verifier}) | cmp -s - \"$KEPT/verifier\""),
        // PostgreSQL takes what it keeps of a password in the password's place; it has no quote in it.
        restore: psql(
            "postgres",
            &format!("ALTER ROLE {name} PASSWORD '"),
            "tr -d '\\n' <\"$KEPT/verifier\"; printf \"';\\n\"",
        ),
    })
}

/// Text that feeds SQL, and what `more` prints behind it, to psql.
fn psql(database: &str, sql: &str, more: &str) -> String {
    let end = if more.is_empty() && !sql.ends_with('\n') {
        ";\n"
    } else {
        ""
    };
    let sql = sh(&STANDARD.encode(format!("{sql}{end}")));
    let more = if more.is_empty() {
        String::new()
    } else {
        format!("; {more}")
    };
    format!(
        "{{ printf %s {sql} | base64 -d{more}; }} | (cd / && exec runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d {})",
        sh(database)
    )
}

/// A name of PostgreSQL, quoted.
fn identifier(name: &str) -> Result<String, FaultError> {
    let plain = !name.is_empty()
        && name.len() < 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if plain {
        Ok(format!("\"{name}\""))
    } else {
        Err(FaultError::Unreadable(format!(
            "{name:?} is no name of a table, column or role"
        )))
    }
}

/// A value as a literal whose type the column decides.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("'{}'", value.to_string().replace('\'', "''"))
        }
    }
}

fn equals(name: &str, value: &Value) -> String {
    if value.is_null() {
        format!("{name} IS NULL")
    } else {
        format!("{name} = {}", literal(value))
    }
}

/// Columns, each written by `one`, joined.
fn all_of(
    columns: &Columns,
    between: &str,
    one: impl Fn(&str, &Value) -> String,
) -> Result<String, FaultError> {
    if columns.is_empty() {
        return Err(FaultError::Unreadable(
            "at least one column has to be named".to_owned(),
        ));
    }
    let mut all = Vec::new();
    for (name, value) in columns {
        let nul = value.as_str().is_some_and(|text| text.contains('\0'));
        if nul || value.is_array() || value.is_object() {
            return Err(FaultError::Unreadable(format!(
                "the column {name} has a text, a number, a boolean or null"
            )));
        }
        all.push(one(&identifier(name)?, value));
    }
    Ok(all.join(between))
}
