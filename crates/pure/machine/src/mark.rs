//! Coverage marks: the rare paths of machines, so that a simulator can tell which of them no world
//! has taken.
//!
//! A machine marks where it is (`cx.mark(...)`). A simulator hands it a context that counts; in any
//! other the mark is a look at an empty place, on a path that is rare by definition. A mark is an
//! observation: no machine can read what was counted.

use std::collections::BTreeMap;

/// A rare path, by the sentence that says what has happened when it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub &'static str);

/// How often each rare path was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<Mark, u64>);

impl Marks {
    /// Counts one more.
    pub fn hit(&mut self, mark: Mark) {
        *self.0.entry(mark).or_default() += 1;
    }

    /// How often a path was taken.
    pub fn count(&self, mark: Mark) -> u64 {
        self.0.get(&mark).copied().unwrap_or(0)
    }

    /// The paths that were taken.
    pub fn taken(&self) -> impl Iterator<Item = Mark> + '_ {
        self.0.keys().copied()
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (mark, count) in &other.0 {
            *self.0.entry(*mark).or_default() += count;
        }
    }
}

/// Declares the marks of a part of a crate: a constant each, and `ALL` of them.
///
/// ```
/// mod marks {
///     machine::marks! {
///         OVERTAKEN = "an election was overtaken by another one";
///     }
/// }
/// assert_eq!(marks::ALL, [marks::OVERTAKEN]);
/// ```
#[macro_export]
macro_rules! marks {
    ($($name:ident = $says:literal;)*) => {
        $(
            #[doc = concat!("Marks that ", $says, ".")]
            pub const $name: $crate::Mark = $crate::Mark($says);
        )*
        /// All marks of this part.
        pub const ALL: &[$crate::Mark] = &[$($name),*];
    };
}
