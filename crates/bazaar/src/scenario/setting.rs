//! How a key's type reads itself from the tree and writes itself as TOML.
//!
//! Two macros declare the types: [`tables`] a struct whose fields are keys, [`choices`] an enum
//! whose variants are words. The field's doc comment is the key's comment in the written text, so
//! a key is described in one place only.

use std::ops::RangeInclusive;

use super::problem::{Problem, Problems};
use super::suggest::suggest;
use super::tree::{Node, Value, quote};

/// Anything that a key holds.
pub(super) trait Setting: Sized {
    /// Reads it; what is wrong goes to `problems`.
    fn read(cursor: &Cursor<'_>, problems: &mut Problems) -> Option<Self>;

    /// What an absent key means; most keys must be there.
    fn absent() -> Option<Self> {
        None
    }

    /// How it is written.
    fn written(&self) -> Written;
}

/// A setting as text.
pub(super) enum Written {
    /// Left out.
    Absent,
    /// A value.
    Value(String),
    /// A list's items.
    List(Vec<Written>),
    /// A table's entries.
    Table(Vec<Entry>),
}

/// A key of a table, with its comment.
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) comment: &'static [&'static str],
    pub(super) written: Written,
}

/// A setting that is one value.
pub(super) trait Leaf: Sized {
    /// What to give, for a message: `a whole number`.
    fn form() -> String;
    /// Reads it.
    fn parse(value: &Value) -> Result<Self, Wrong>;
    /// The value as TOML.
    fn text(&self) -> String;
}

/// Why a value does not read.
pub(super) enum Wrong {
    /// It is of another kind: text for a number.
    Kind,
    /// It is of the right kind, and beyond its bounds.
    Range,
    /// Another reason.
    Because(String),
}

impl<T: Leaf> Setting for T {
    fn read(cursor: &Cursor<'_>, problems: &mut Problems) -> Option<Self> {
        let wrong = |wrong| cursor.wrong(reason(wrong, cursor), format!("give {}", T::form()));
        problems.keep(T::parse(&cursor.node.value).map_err(wrong))
    }

    fn written(&self) -> Written {
        Written::Value(self.text())
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(cursor: &Cursor<'_>, problems: &mut Problems) -> Option<Self> {
        let Value::List(items) = &cursor.node.value else {
            let reason = format!("this is {}", cursor.node.value.kind());
            problems.add(cursor.wrong(reason, "give a list".to_owned()));
            return None;
        };
        let item = |(index, node)| {
            let path = format!("{}[{index}]", cursor.path);
            T::read(&Cursor { path, node }, problems)
        };
        // Every item is read, so that all problems are told.
        items.iter().enumerate().map(item).collect::<Vec<_>>().into_iter().collect()
    }

    fn written(&self) -> Written {
        Written::List(self.iter().map(Setting::written).collect())
    }
}

fn reason(wrong: Wrong, cursor: &Cursor<'_>) -> String {
    match wrong {
        Wrong::Kind => format!("this is {}", cursor.node.value.kind()),
        Wrong::Range => "this is out of bounds".to_owned(),
        Wrong::Because(reason) => reason,
    }
}

/// A node with the path that leads to it.
pub(super) struct Cursor<'a> {
    pub(super) path: String,
    pub(super) node: &'a Node,
}

impl<'a> Cursor<'a> {
    /// A problem with the value that stands here.
    pub(super) fn wrong(&self, reason: String, mend: String) -> Problem {
        Problem {
            place: Some(self.node.place.clone()),
            key: self.path.clone(),
            value: Some(self.node.value.shown()),
            reason,
            mend,
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether this is a table; reports it if not, and every key that is not among `known`.
    pub(super) fn is_table(&self, known: &[&str], problems: &mut Problems) -> bool {
        let Value::Table(table) = &self.node.value else {
            let reason = format!("this is {}, and a table belongs here", self.node.value.kind());
            problems.add(self.wrong(reason, format!("its keys are {}", known.join(", "))));
            return false;
        };
        for (key, node) in table.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            if problems.is_full() {
                break;
            }
            // A key without its section is as likely as a mistyped one.
            let elsewhere = known
                .iter()
                .find(|inner| table.get(**inner).is_some_and(|section| section.get(key).is_some()));
            let mend = match (elsewhere, suggest(key, known.iter().copied())) {
                (Some(inner), _) => format!("did you mean {}.{key}?", self.path_of(inner)),
                (None, Some(near)) => format!("did you mean {}?", self.path_of(near)),
                (None, None) => format!("the keys here are {}", known.join(", ")),
            };
            problems.add(Problem {
                place: Some(node.key.clone()),
                key: self.path_of(&shown_key(key)),
                value: None,
                reason: "there is no such key".to_owned(),
                mend,
            });
        }
        true
    }

    /// Reads the value of a key of this table.
    pub(super) fn field<T: Setting>(&self, key: &str, problems: &mut Problems) -> Option<T> {
        match self.node.get(key) {
            Some(node) => T::read(&Cursor { path: self.path_of(key), node }, problems),
            None => T::absent().or_else(|| {
                problems.add(Problem {
                    place: Some(self.node.place.clone()),
                    key: self.path_of(key),
                    value: None,
                    reason: "this key is missing".to_owned(),
                    mend: "give it a value".to_owned(),
                });
                None
            }),
        }
    }

    /// Reads the value of a key that has bounds, and a reason for them.
    pub(super) fn bounded<T: Leaf + PartialOrd>(
        &self,
        key: &str,
        (bounds, why): (RangeInclusive<T>, &str),
        problems: &mut Problems,
    ) -> Option<T> {
        let Some(node) = self.node.get(key) else { return self.field(key, problems) };
        let cursor = Cursor { path: self.path_of(key), node };
        let result = match T::parse(&node.value) {
            Ok(value) if bounds.contains(&value) => return Some(value),
            Ok(_) | Err(Wrong::Range) => why.to_owned(),
            Err(wrong) => reason(wrong, &cursor),
        };
        let mend = format!("give {} to {}", bounds.start().text(), bounds.end().text());
        problems.add(cursor.wrong(result, mend));
        None
    }
}

/// Declares structs whose fields are the keys of a table.
///
/// `#[key("do")]` names a key that cannot name a field; `#[within(low..=high, "why")]` bounds it.
macro_rules! tables {
    ($(
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $comment:literal])*
                $(#[key($key:literal)])?
                $(#[within($bounds:expr, $why:expr)])?
                pub $field:ident: $type:ty,
            )*
        }
    )*) => {$(
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $comment])* pub $field: $type, )*
        }

        impl $crate::scenario::setting::Setting for $name {
            fn read(
                cursor: &$crate::scenario::setting::Cursor<'_>,
                problems: &mut $crate::scenario::problem::Problems,
            ) -> Option<Self> {
                let known = [$( tables!(@key $field $($key)?) ),*];
                if !cursor.is_table(&known, problems) {
                    return None;
                }
                $( let $field = tables!(
                    @read cursor, problems, tables!(@key $field $($key)?) $(, ($bounds, $why))?
                ); )*
                Some(Self { $( $field: $field?, )* })
            }

            fn written(&self) -> $crate::scenario::setting::Written {
                $crate::scenario::setting::Written::Table(vec![$(
                    $crate::scenario::setting::Entry {
                        key: tables!(@key $field $($key)?),
                        comment: &[$($comment),*],
                        written: $crate::scenario::setting::Setting::written(&self.$field),
                    },
                )*])
            }
        }
    )*};
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@read $cursor:ident, $problems:ident, $key:expr) => { $cursor.field($key, $problems) };
    (@read $cursor:ident, $problems:ident, $key:expr, $limits:expr) => {
        $cursor.bounded($key, $limits, $problems)
    };
}

/// Declares enums whose variants are words.
macro_rules! choices {
    ($(
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $( $(#[doc = $comment:literal])* $variant:ident = $word:literal, )*
        }
    )*) => {$(
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[doc = $comment])* $variant, )*
        }

        impl $name {
            /// The word for it in a scenario.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::scenario::setting::Leaf for $name {
            fn form() -> String {
                $crate::scenario::setting::one_of(&[$($word),*])
            }

            fn parse(
                value: &$crate::scenario::tree::Value,
            ) -> Result<Self, $crate::scenario::setting::Wrong> {
                match value {
                    $( $crate::scenario::tree::Value::Text(text) if text == $word => {
                        Ok(Self::$variant)
                    } )*
                    _ => Err($crate::scenario::setting::no_choice(value)),
                }
            }

            fn text(&self) -> String {
                $crate::scenario::tree::quote(self.name())
            }
        }
    )*};
}

pub(super) use {choices, tables};

/// `"tcp" or "udp"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A key as TOML writes it, cut off where it is long.
fn shown_key(key: &str) -> String {
    let shown = Value::Text(key.to_owned()).shown();
    match shown.strip_prefix('"').and_then(|shown| shown.strip_suffix('"')) {
        Some(bare) if bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) => {
            bare.to_owned()
        }
        _ => shown,
    }
}

/// A value that is none of the words known.
pub(super) fn no_choice(value: &Value) -> Wrong {
    match value {
        Value::Text(_) => Wrong::Because("there is no such choice".to_owned()),
        _ => Wrong::Kind,
    }
}
