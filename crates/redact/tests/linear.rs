//! The work grows with the length of the text only, counted in instructions, which are the same on every run.
#![cfg(not(feature = "switched-off"))]

#[path = "../benches/floor/src/instructions.rs"]
mod instructions;

/// Lengths that valgrind gets through in seconds; each doubles the one before.
const LENGTHS: [usize; 3] = [64_000, 128_000, 256_000];

#[test]
fn twice_the_text_costs_twice_the_instructions() {
    if instructions::is_measured() {
        instructions::run_measured(&LENGTHS);
        return;
    }
    if !instructions::is_possible() {
        assert!(std::env::var_os("CI").is_none(), "valgrind is missing: apt-get install valgrind");
        println!("skipped: valgrind is not installed, and the instructions were not counted");
        return;
    }
    let arguments = ["--exact", "twice_the_text_costs_twice_the_instructions", "--test-threads=1"];
    let counts = instructions::count(&LENGTHS, &arguments).expect("valgrind counts the texts");
    for count in counts {
        let growths = count.growths();
        let is_linear = growths.iter().all(|growth| *growth < instructions::MAX_GROWTH);
        assert!(is_linear, "`{}` repeated: {:?}, {growths:?}", count.unit, count.instructions);
    }
}
