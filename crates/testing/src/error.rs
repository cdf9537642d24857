//! Errors, by what they are and by what they say.

/// Asserts that an error is of a pattern, and that its text has all of some words.
///
/// ```
/// use mixpress_testing::assert_error;
///
/// let error = "four".parse::<u8>().unwrap_err();
/// assert_error!(error, std::num::ParseIntError { .. }, "invalid", "digit");
/// ```
#[macro_export]
macro_rules! assert_error {
    ($error:expr, $pattern:pat $(if $guard:expr)?, $($word:expr),*) => {{
        let error = $error;
        let text = error.to_string();
        assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
        $(assert!(text.contains($word), "{text} does not say {}", $word);)*
    }};
}
