//! Amounts in texts that people read, with the number that grammar asks for.

/// So many: "1 user", "2 users".
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", plural(number))
}

/// So many of all: "1 of 1 user", "1 of 2 users".
#[must_use]
pub fn part_of(part: usize, total: usize, noun: &str) -> String {
    format!("{part} of {total} {noun}{}", plural(total))
}

/// The form of a verb that goes with so many.
#[must_use]
pub fn verb(number: usize, one: &'static str, more: &'static str) -> &'static str {
    if number == 1 { one } else { more }
}

fn plural(number: usize) -> &'static str {
    verb(number, "", "s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_all_else_plural() {
        assert_eq!([0, 1, 2].map(|n| count(n, "user")), ["0 users", "1 user", "2 users"]);
        assert_eq!(part_of(1, 1, "user"), "1 of 1 user");
        assert_eq!(part_of(1, 3, "user"), "1 of 3 users");
        assert_eq!([0, 1, 2].map(|n| verb(n, "is", "are")), ["are", "is", "are"]);
    }
}
