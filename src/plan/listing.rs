//! The problems of a spec in one condition: all of them while they fit, else as many as fit whole and how
//! many more there are. `validate` prints the same problems, one a line.

use crate::api::condition::MAX_MESSAGE;
use crate::users::check::Problem;

/// Between two problems.
const BETWEEN: &str = "; ";

/// The message of `InvalidSpec`.
#[must_use]
pub fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if let [only] = lines.as_slice() {
        return only.clone();
    }
    let mut message = format!("{} problems: ", lines.len());
    let whole = message.len() + lines.iter().map(|line| line.len() + BETWEEN.len()).sum::<usize>();
    if whole - BETWEEN.len().min(whole) <= MAX_MESSAGE {
        return message + &lines.join(BETWEEN);
    }
    let room = MAX_MESSAGE - rest(lines.len()).len();
    let mut shown = 0;
    for line in &lines {
        if message.len() + line.len() + BETWEEN.len() > room {
            break;
        }
        message.push_str(line);
        message.push_str(BETWEEN);
        shown += 1;
    }
    message + &rest(lines.len() - shown)
}

fn rest(left: usize) -> String {
    format!("and {left} more; run jumpcloud-operator validate for all")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(count: usize, text: &str) -> Vec<Problem> {
        (0..count).map(|i| Problem::of_row(i, "ada", format!("{text} {i:03}"))).collect()
    }

    #[test]
    fn all_are_told_while_they_fit() {
        assert_eq!(listed(&problems(1, "no")), "users[0] 'ada': no 000");
        assert_eq!(listed(&problems(2, "no")), "2 problems: users[0] 'ada': no 000; users[1] 'ada': no 001");
        let many = problems(300, "email is used twice");
        let message = listed(&many);
        assert!(message.len() <= MAX_MESSAGE, "{}", message.len());
        assert!(many.iter().all(|problem| message.contains(&problem.to_string())), "{message}");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_nothing_is_cut() {
        for (count, text) in [(500, "email is used twice as far as we can see"), (90, &"ü".repeat(110))] {
            let many = problems(count, text);
            let message = listed(&many);
            assert!((MAX_MESSAGE - 400..=MAX_MESSAGE).contains(&message.len()), "{}", message.len());
            let (shown, more) = message.rsplit_once("; and ").unwrap();
            let shown: Vec<&str> =
                shown.strip_prefix(&format!("{count} problems: ")).unwrap().split(BETWEEN).collect();
            assert_eq!(
                more,
                format!("{} more; run jumpcloud-operator validate for all", count - shown.len())
            );
            for (shown, problem) in shown.iter().zip(&many) {
                assert_eq!(*shown, problem.to_string());
            }
        }
    }

    #[test]
    fn a_message_of_exactly_the_limit_is_whole() {
        let mut many = problems(150, &"x".repeat(60));
        let free = MAX_MESSAGE - listed(&many).len();
        many[0].message.push_str(&"x".repeat(free));
        assert_eq!(listed(&many).len(), MAX_MESSAGE);
        assert!(!listed(&many).contains(" more; run"));
        many[0].message.push('x');
        assert!(listed(&many).contains(" more; run"));
        assert!(listed(&many).len() <= MAX_MESSAGE);
    }
}
