//! Words that people read in objects, each with its meaning.

/// Makes a constant of each word and a list of all with their meanings, so that the reference cannot forget
/// one: `/// Meaning.` above `NAME = "word";`.
macro_rules! words {
    ($(#[doc = $about:literal])+ $list:ident { $($(#[doc = $meaning:literal])+ $name:ident = $word:literal;)+ }) => {
        $($(#[doc = $meaning])+ pub const $name: &str = $word;)+

        $(#[doc = $about])+
        pub const $list: &[(&str, &str)] = &[$(($word, concat!($($meaning),+).trim_ascii())),+];
    };
}

pub(crate) use words;
