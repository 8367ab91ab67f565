//! Which test stands for which abuse case. A test here fails when one that is named is gone, and when
//! `docs/reliability.md` has another table.

use std::path::Path;

/// A case, what holds, and the tests that show it.
struct Case {
    number: u8,
    what: &'static str,
    holds: &'static str,
    tests: &'static [(&'static str, &'static [&'static str])],
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const CASES: &[Case] = &[
    Case {
        number: 1,
        what: "the Secret of another namespace is named",
        holds: "the definition has no field for it; the operator gets the Secret of that name in the connection's own namespace alone",
        tests: &[("tests/it/abuse/origins.rs", &["case_01_a_secret_of_another_namespace_cannot_be_named"])],
    },
    Case {
        number: 2,
        what: "an address outside the allow-list, a redirect, a link-local address",
        holds: "no connection is opened, so no key is sent",
        tests: &[
            (
                "tests/it/abuse/origins.rs",
                &[
                    "case_02_no_key_goes_to_an_address_that_is_not_allowed",
                    "case_02_no_key_follows_a_redirect",
                ],
            ),
            ("tests/it/failures/credentials.rs", &["an_origin_that_is_not_allowed_gets_no_key"]),
            ("tests/client/faults.rs", &["a_redirect_is_refused_and_not_followed"]),
        ],
    },
    Case {
        number: 3,
        what: "another organisation's key in the middle of a batch or a schedule",
        holds: "`OrgMismatch`: nothing is posted there, and nothing asked but which organisation it is; with the old key work goes on",
        tests: &[
            ("tests/it/failures/organisation.rs", &["a_batch_stays_in_its_organisation"]),
            ("tests/it/abuse/organisation.rs", &["case_03_a_schedule_stays_in_its_organisation"]),
        ],
    },
    Case {
        number: 4,
        what: "rows that make administrators of devices",
        holds: "the policy of deploy/samples/admission denies `sudo`, `passwordlessSudo`, `ldapBindingUser`, `sambaServiceUser` and numbers below 1000, in rows and template; the definition refuses 0",
        tests: &[(
            "tests/it/abuse/admission.rs",
            &["case_04_the_sample_policy_denies_administrators_of_devices"],
        )],
    },
    Case {
        number: 5,
        what: "a row names a user that exists",
        holds: "`UserConflict`; no request that writes names it",
        tests: &[
            ("tests/it/failures/rows.rs", &["users_who_exist_are_conflicts_and_are_never_touched"]),
            ("tests/it/claims.rs", &["a_neighbour_of_another_namespace_is_not_named_and_hands_nothing_over"]),
        ],
    },
    Case {
        number: 6,
        what: "forged job ids in status",
        holds: "an id is deleted only when a listing of the same pass shows that user, state and date of all its events are those of the record",
        tests: &[
            ("tests/it/schedules/forged.rs", &["job_ids_of_others_are_not_deleted"]),
            ("tests/it/schedules/others.rs", &["an_event_found_under_a_shared_id_is_never_cancelled"]),
            ("tests/fuzz/schedules/mod.rs", &["what_a_forged_event_names_is_compared_with_what_is_listed"]),
        ],
    },
    Case {
        number: 7,
        what: "forged requests, users and ids in status",
        holds: "no POST, and no read of another organisation; nobody is written to or scheduled whom the same pass has not found under what the list declares",
        tests: &[
            (
                "tests/it/abuse/forged.rs",
                &[
                    "case_07_forged_requests_of_a_batch_cause_no_post",
                    "case_07_a_strangers_id_in_the_inventory_is_not_written_to",
                    "case_07_a_strangers_id_in_a_schedule_is_not_scheduled",
                ],
            ),
            ("tests/it/schedules/forged.rs", &["forged_submissions_cause_no_request"]),
            (
                "tests/fuzz/batches/mod.rs",
                &[
                    "a_forged_status_sends_nothing_that_an_empty_one_would_not",
                    "forged_requests_send_nobody_twice",
                    "a_forged_inventory_reaches_nobody_who_is_not_declared",
                    "the_status_of_another_object_sends_nothing_that_an_empty_one_would_not",
                ],
            ),
            (
                "tests/fuzz/schedules/mod.rs",
                &[
                    "a_forged_status_does_nothing_that_an_empty_one_would_not",
                    "forged_users_reach_nobody_who_is_not_declared",
                ],
            ),
        ],
    },
    Case {
        number: 8,
        what: "annotation resolve",
        holds: "`adopt` takes who has both the username and the address of a row whose requests got no answer; `abandon` forgets these requests",
        tests: &[
            ("tests/it/abuse/forged.rs", &["case_08_resolving_takes_nobody_but_whom_the_rows_name"]),
            ("tests/it/restraint.rs", &["requests_without_an_answer_are_resolved_by_a_person"]),
            ("tests/fuzz/batches/mod.rs", &["annotations_may_say_anything"]),
        ],
    },
    Case {
        number: 9,
        what: "secrets and addresses where people look",
        holds: "none in statuses, events, metrics or logs at `trace`, whatever JumpCloud repeats; the text of a panic is not shown",
        tests: &[
            ("tests/it/canary.rs", &["neither_keys_nor_addresses_leave_their_place"]),
            ("tests/it/schedules/private.rs", &["no_address_leaves_its_place"]),
            ("tests/client/secrecy.rs", &["no_secret_and_no_name_is_logged_or_shown"]),
            (
                "src/users/clean.rs",
                &[
                    "letters_of_every_script_are_the_same_in_either_case",
                    "the_beginning_of_a_value_does_not_survive_a_cut",
                ],
            ),
            ("tests/fuzz/texts.rs", &["no_message_shows_what_was_sent"]),
        ],
    },
    Case {
        number: 10,
        what: "answers of 10 MB, deep JSON, invalid UTF-8, ANSI codes, HTML",
        holds: "bounded in time and memory, one clean line where people read it; an unreadable answer to a POST leaves its outcome unknown",
        tests: &[
            (
                "tests/it/abuse/answers.rs",
                &["case_10_hostile_answers_of_every_route_are_bounded_and_cleaned"],
            ),
            (
                "tests/fuzz/answers.rs",
                &["reads_take_any_answer", "requests_that_must_not_be_repeated_take_any_answer"],
            ),
            (
                "tests/fuzz/large.rs",
                &[
                    "more_than_is_read_is_refused",
                    "deep_answers_are_refused",
                    "a_message_of_megabytes_is_cleaned_in_time",
                ],
            ),
        ],
    },
    Case {
        number: 11,
        what: "maximal objects of one tenant, by the hundred",
        holds: "memory grows by fingerprints, and another tenant's list is served",
        tests: &[(
            "tests/it/abuse/load.rs",
            &["case_11_maximal_objects_of_one_tenant_leave_room_for_others"],
        )],
    },
    Case {
        number: 12,
        what: "an object edited 50 times a second",
        holds: "calls follow time, not edits; the last edit is the one that stays",
        tests: &[(
            "tests/it/abuse/load.rs",
            &[
                "case_12_fifty_edits_a_second_of_a_list_cost_calls_by_time",
                "case_12_fifty_edits_a_second_of_a_date_end_in_one_event",
            ],
        )],
    },
    Case {
        number: 13,
        what: "one tenant's bad key",
        holds: "a refused key and one that is told to wait hold up nobody else on the same host",
        tests: &[("tests/it/abuse/tenants.rs", &["case_13_a_bad_key_holds_up_nobody_else"])],
    },
    Case {
        number: 14,
        what: "delete and recreate, replace --force, a lost status, two clusters",
        holds: "users that exist are in no second job; an event that is there is taken over or replaced, never doubled",
        tests: &[
            (
                "tests/it/abuse/twice.rs",
                &[
                    "case_14_a_batch_made_again_sends_nobody_again",
                    "case_14_two_clusters_make_each_user_once",
                ],
            ),
            ("tests/it/schedules/forged.rs", &["an_object_made_again_has_one_event"]),
        ],
    },
    Case {
        number: 15,
        what: "the credential is deleted first",
        holds: "the deletion ends, and the namespace goes",
        tests: &[(
            "tests/it/schedules/teardown.rs",
            &[
                "a_namespace_goes_and_leaves_nothing_in_jumpcloud",
                "a_namespace_goes_without_its_credential",
                "an_object_goes_without_its_credential",
            ],
        )],
    },
    Case {
        number: 16,
        what: "usernames in another case, with blanks, that look alike",
        holds: "anything but visible ASCII is refused by the API server; letters in another case are the same user",
        tests: &[
            ("tests/it/abuse/names.rs", &["case_16_usernames_that_look_alike"]),
            ("tests/it/failures/rows.rs", &["doubles_are_told_by_row_also_those_in_other_letters"]),
            ("tests/fuzz/texts.rs", &["names_that_look_like_others_are_refused"]),
        ],
    },
    Case {
        number: 17,
        what: "dates far away, or a moment ago",
        holds: "the last day that may be declared, 30 December 9999, is scheduled, one beyond is refused, and so is a nanosecond (whole seconds only); this second is missed; silence afterwards",
        tests: &[
            ("tests/it/abuse/dates.rs", &["case_17_dates_at_the_ends_of_time"]),
            ("tests/it/schedules/clocks.rs", &["far_away", "in_the_past"]),
        ],
    },
    Case {
        number: 18,
        what: "a foreign certificate, a proxy of the environment",
        holds: "no key is sent; proxies of the environment are ignored (every operator of these tests has them set)",
        tests: &[
            ("tests/it/abuse/origins.rs", &["case_18_a_foreign_certificate_gets_no_key"]),
            ("tests/client/tls.rs", &["an_extra_root_is_trusted_and_a_foreign_one_is_not"]),
            ("tests/client/secrecy.rs", &["proxies_of_the_environment_are_ignored"]),
        ],
    },
    Case {
        number: 19,
        what: "names in metric labels",
        holds: "no name of an object, namespace, Secret, user, id, organisation or host is on the page",
        tests: &[("tests/it/abuse/names.rs", &["case_19_no_name_is_in_a_metric"])],
    },
    Case {
        number: 20,
        what: "permissions that grow",
        holds: "what the ServiceAccount may do is the list in the test, and every operator of these tests runs with it",
        tests: &[("tests/it/permissions.rs", &["the_operator_may_do_this_and_nothing_else"])],
    },
];

/// The table as Markdown.
fn table() -> String {
    let mut lines = vec!["| case | what holds | test |".to_owned(), "|---|---|---|".to_owned()];
    for case in CASES {
        let tests = case.tests.iter().map(|(file, names)| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("`{file}`: {}", names.join(", "))
        });
        let tests: Vec<String> = tests.collect();
        lines.push(format!("| {} {} | {} | {} |", case.number, case.what, case.holds, tests.join("; ")));
    }
    lines.join("\n") + "\n"
}

#[test]
fn every_case_has_tests_that_exist() {
    assert!(CASES.iter().map(|case| case.number).eq(1..=20));
    for case in CASES {
        for (file, names) in case.tests {
            let text = std::fs::read_to_string(Path::new(ROOT).join(file)).expect(file);
            for name in *names {
                assert!(text.contains(&format!("fn {name}(")), "case {}: {file} has no {name}", case.number);
            }
        }
    }
    // `ABUSE_TABLE=FILE` writes it.
    if let Ok(file) = std::env::var("ABUSE_TABLE") {
        std::fs::write(file, table()).expect("the table is written");
    }
    let Ok(document) = std::fs::read_to_string(Path::new(ROOT).join("docs/reliability.md")) else { return };
    assert!(document.contains(&table()), "docs/reliability.md has another table than this:\n{}", table());
}
