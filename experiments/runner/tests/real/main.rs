//! The runner as a program with its real parts: built artifacts, container engines, signals, emulators. What goes on
//! between trials is tested without them, in `src/session_tests.rs`.
//!
//! Each test makes several checks, all of them whatever becomes of the first. To make one alone:
//! `WEIGHBRIDGE_CHECK=ending::a_run_whose_reader cargo xtask test`.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

#[path = "../common/mod.rs"]
mod common;
mod custom;
mod density;
mod ending;
mod instructions;
mod isolation;
mod load;
mod maturity;
mod measure;
mod neighbour;
mod operations;
mod overhead;
mod programs;
mod replay;
mod resume;
mod storm;
mod waiting;

use common::make_all;

/// The checks of these names, each with its function.
macro_rules! checks {
    ($($check:path),* $(,)?) => {
        &[$((stringify!($check), $check as fn())),*]
    };
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn every_way_of_starting_is_measured_and_leaves_nothing_behind() {
    make_all(checks![
        measure::every_subject_starts_answers_and_leaves_nothing_behind,
        measure::several_instances_are_weighed_together_and_all_of_them_ended,
        measure::without_an_engine_the_rest_is_measured,
        measure::what_is_missing_is_named,
        density::tenants_are_raised_level_by_level_in_every_packing,
        density::a_budget_is_a_wall_and_so_is_a_bound_and_both_are_named,
        storm::tenants_are_started_at_once_and_every_answer_is_in_the_log,
        storm::a_tenant_that_does_not_start_is_named_and_the_others_count,
        neighbour::a_victim_is_loaded_before_every_attack_and_during_it,
        replay::loads_are_replayed_under_both_policies_and_what_they_took_is_in_the_log,
    ]);
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn load_and_series_tell_latencies_rates_and_single_iterations() {
    make_all(checks![
        load::instances_within_a_host_are_timed,
        load::the_search_and_the_series_say_what_they_did,
        load::a_mix_tells_the_latency_of_light_requests_beside_heavy_ones,
        waiting::what_a_backend_answers_is_answered_after_its_delay_by_every_arm,
        waiting::a_host_that_lets_nothing_out_is_a_failure_and_not_a_number,
    ]);
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn a_run_that_is_ended_from_outside_leaves_nothing_behind_and_goes_on() {
    make_all(checks![
        ending::a_terminal_that_is_closed_ends_a_run_as_ctrl_c_does,
        ending::a_run_whose_reader_goes_away_ends_in_order,
        ending::a_second_run_is_refused_and_hears_which_the_first_is,
        ending::a_program_that_is_replaced_ends_the_run_and_put_back_it_goes_on,
        ending::an_engine_that_dies_ends_the_run_and_what_it_spoilt_is_measured_on_resume,
        resume::a_killed_run_leaves_no_bundle_to_the_next,
        density::a_raise_that_is_killed_leaves_no_tenant_to_the_next,
        storm::a_storm_that_is_killed_leaves_no_tenant_to_the_next,
        neighbour::a_neighbour_that_is_killed_leaves_nothing_to_the_next,
        resume::killed_twenty_times_a_run_ends_with_the_same_trials,
    ]);
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn what_no_code_knows_is_started_prepared_probed_and_counted() {
    make_all(checks![
        custom::a_subject_is_one_entry,
        custom::a_definition_brings_its_service_along,
        programs::a_prepared_file_is_made_once_measured_and_weighed_and_what_is_missing_says_why,
        maturity::the_host_does_what_its_options_say_and_refuses_sockets,
        maturity::what_does_not_go_as_it_says_does_not_work_and_what_is_missing_is_a_failure,
        maturity::a_probe_with_an_artifact_that_was_not_built_is_refused_before_the_first_trial,
        isolation::every_attempt_is_answered_and_a_process_can_do_what_a_guest_cannot,
        instructions::two_invocations_count_the_same,
        operations::every_operation_is_timed_in_native_code_and_in_wasm,
        overhead::every_form_is_counted_and_under_smoke_none_is_built,
    ]);
}
