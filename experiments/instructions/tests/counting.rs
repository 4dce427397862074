//! The counting itself, without QEMU.

#[path = "../src/counting.rs"]
mod counting;
#[path = "../src/report.rs"]
mod report;

use counting::{Block, Counter, is_repeating};

fn block(instructions_count: u64, first_address: u64, last_address: u64) -> Block {
    Block { instructions_count, first_address, last_address, first_is_repeating: false }
}

fn repeating(address: u64) -> Block {
    Block { first_is_repeating: true, ..block(1, address, address) }
}

#[test]
fn blocks_add_up_over_all_processors() {
    let counter = Counter::new();
    assert_eq!((counter.total(), counter.vcpus_count()), (0, 0));
    for _ in 0..3 {
        counter.executed(0, &block(5, 100, 120));
    }
    counter.executed(2, &block(7, 100, 130));
    assert_eq!((counter.total(), counter.vcpus_count()), (22, 3));
}

#[test]
fn an_instruction_that_repeats_itself_counts_once() {
    let counter = Counter::new();
    // The block that ends in it, and four times itself.
    counter.executed(0, &block(3, 100, 110));
    for _ in 0..4 {
        counter.executed(0, &repeating(110));
    }
    assert_eq!(counter.total(), 3);
    // The next one comes from elsewhere.
    counter.executed(0, &block(2, 112, 120));
    counter.executed(0, &repeating(110));
    counter.executed(0, &repeating(110));
    assert_eq!(counter.total(), 6);
    // What goes on after it is counted.
    counter.executed(0, &Block { first_is_repeating: true, ..block(4, 110, 118) });
    assert_eq!(counter.total(), 9);
}

#[test]
fn processors_do_not_mix_up_their_repetitions() {
    let counter = Counter::new();
    counter.executed(0, &repeating(110));
    counter.executed(1, &repeating(110));
    assert_eq!(counter.total(), 2);
}

#[test]
fn a_block_that_jumps_to_itself_is_a_loop() {
    let counter = Counter::new();
    for _ in 0..4 {
        counter.executed(0, &block(1, 110, 110));
    }
    assert_eq!(counter.total(), 4);
}

#[test]
fn repetition_is_read_from_the_bytes() {
    for code in [
        &[0xf3, 0x48, 0xa5][..], // rep movsq
        &[0xf3, 0x48, 0xab],     // rep stosq
        &[0xf3, 0xa4],           // rep movsb
        &[0x66, 0xf3, 0xa5],     // rep movsw
        &[0xf2, 0xae],           // repne scasb
    ] {
        assert!(is_repeating(code), "{code:x?}");
    }
    for code in [
        &[][..],
        &[0x48, 0xa5],                   // movsq, once
        &[0xf3, 0x0f, 0x10, 0x44],       // movss
        &[0xf3, 0x0f, 0x1e, 0xfa],       // endbr64
        &[0xf3, 0x90],                   // pause
        &[0xf3, 0xc3],                   // rep ret
        &[0xf3, 0x48, 0x0f, 0xbc, 0xc0], // tzcnt
        &[0xf3],
    ] {
        assert!(!is_repeating(code), "{code:x?}");
    }
}

#[test]
fn the_report_is_json() {
    assert_eq!(
        report::line("aarch64", 1, &[3, 5], 9),
        "{\"target\":\"aarch64\",\"vcpus\":1,\"markers\":[3,5],\"total\":9}\n"
    );
    assert!(report::line("x86_64", 0, &[], 0).contains("\"markers\":[]"));
}
