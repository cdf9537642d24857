//! Searches on the digits: what they find, within which budget, stopped and resumed.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mixpress_compress::{
    Budget, CompressedModel, Compressor, CompressorBuilder, Error, FrontierPoint, Overwrite, Recipe, SearchObserver,
    SearchPart,
};
use mixpress_network::zoo;
use mixpress_train::{CancelToken, Observer, PhaseName, Silent, digits};

/// Phases of one or two rounds: a search takes a few seconds.
const SHORT: &str = "
    [plain]
    rounds = 2
    [joint]
    rounds = 2
    ramp = 0.2
    strength = 300.0
    prune_from = 0.1
    shrink_from = 0.1
    [hard]
    rounds = 1
    [tied]
    rounds = 1
";

fn search<'a>(budget: Budget) -> CompressorBuilder<'a> {
    let recipe = Recipe::from_toml(SHORT).unwrap();
    Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(recipe).budget(budget)
}

/// Cancels a search after some steps, of whichever part.
struct StopAfter {
    steps: AtomicU64,
    token: CancelToken,
    parts: Mutex<Vec<SearchPart>>,
    files: AtomicU64,
}

impl StopAfter {
    fn new(steps: u64, token: CancelToken) -> Self {
        Self { steps: AtomicU64::new(steps), token, parts: Mutex::default(), files: AtomicU64::new(0) }
    }
}

struct Counter<'a>(&'a StopAfter);

impl Observer for Counter<'_> {
    fn stepped(&self, _: PhaseName, _: u64) {
        if self.0.steps.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.token.cancel();
        }
    }
}

impl SearchObserver for StopAfter {
    fn part_started(&self, part: SearchPart) -> Box<dyn Observer + '_> {
        self.parts.lock().unwrap().push(part);
        Box::new(Counter(self))
    }

    fn file_made(&self, _: &FrontierPoint) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_smallest_file_within_the_budget_is_chosen() {
    let found = search(Budget::ErrorIncrease(4.0)).build().unwrap().run().unwrap();
    let outcome = &found.outcome;
    assert!(outcome.frontier.len() >= 6, "{:?}", outcome.frontier);
    assert!(outcome.frontier.is_sorted_by(|a, b| a.file_bytes >= b.file_bytes));
    let chosen: Vec<&FrontierPoint> = outcome.frontier.iter().filter(|point| point.is_chosen).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].file_bytes, outcome.file_bytes);
    assert!(chosen[0].is_within && chosen[0].bound <= 4.0 && chosen[0].increase < chosen[0].bound);
    let smaller = outcome.frontier.iter().filter(|point| point.file_bytes < outcome.file_bytes);
    assert!(smaller.into_iter().all(|point| !point.is_within), "{:?}", outcome.frontier);
    assert_eq!(outcome.judgement.unwrap().samples, digits().train.len() / 6);
    // Optimal is what nothing dominates.
    for point in &outcome.frontier {
        let dominates = |other: &&FrontierPoint| {
            (other.file_bytes < point.file_bytes && other.validation_error <= point.validation_error)
                || (other.file_bytes <= point.file_bytes && other.validation_error < point.validation_error)
        };
        assert_eq!(point.is_optimal, outcome.frontier.iter().find(dominates).is_none(), "{point:?}");
    }
    // Each is a file that can be kept, and its recipe makes it again.
    for file in &found.files {
        let model = CompressedModel::from_bytes(&file.bytes).unwrap();
        assert_eq!(model.file_bytes(), file.point.file_bytes);
    }
    let recipe = found.model().unwrap().recipe().unwrap();
    let again = Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(recipe);
    let again = again.build().unwrap().run().unwrap();
    assert_eq!(again.bytes, found.bytes);
    let history = |outcome: &mixpress_compress::Outcome| outcome.history.clone();
    assert_eq!(
        history(&again.outcome),
        history(outcome),
        "the readings on the way to the file are those of its recipe"
    );
}

#[test]
fn a_file_of_so_many_bytes_is_the_most_accurate_one() {
    let found = search(Budget::Bytes(1500)).build().unwrap().run().unwrap().outcome;
    assert!(found.file_bytes <= 1500, "{}", found.file_bytes);
    let better = |point: &&FrontierPoint| point.file_bytes <= 1500 && point.validation_error < found.validation_error;
    assert_eq!(found.frontier.iter().find(better), None);
}

#[test]
fn a_budget_that_cannot_be_kept_gives_the_largest_file() {
    let found = search(Budget::Error(0.01)).build().unwrap().run().unwrap().outcome;
    let chosen = found.frontier.iter().find(|point| point.is_chosen).unwrap();
    assert!(!chosen.is_within);
    assert!(found.frontier.iter().all(|point| !point.is_within && point.file_bytes <= chosen.file_bytes));
    assert_eq!(found.frontier.len(), 8, "two points, then six of lower strengths");
}

#[test]
fn a_search_that_was_stopped_goes_on_to_the_same_bytes_on_any_number_of_threads() {
    let budget = Budget::ErrorIncrease(4.0);
    let on = |threads, run: &(dyn Fn() -> Vec<u8> + Sync)| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
    };
    let whole = on(1, &|| search(budget).build().unwrap().run().unwrap().bytes);
    for steps in [100, 1500, 6000] {
        let folder = tempfile::tempdir().unwrap();
        let token = CancelToken::new();
        let observer = StopAfter::new(steps, token.clone());
        let stopped = search(budget).search_observer(&observer).cancel(token).checkpoint(folder.path());
        let stopped = stopped.build().unwrap().run();
        let Err(Error::Interrupted { checkpoint: Some(_), best }) = stopped else { panic!("{stopped:?}") };
        assert_eq!(best.is_some(), observer.files.load(Ordering::Relaxed) > 0, "{steps}");
        if let Some(best) = best {
            CompressedModel::open(best).unwrap();
        }
        let observer = StopAfter::new(u64::MAX, CancelToken::new());
        let resumed = on(2, &|| {
            let resumed = search(budget).search_observer(&observer).checkpoint(folder.path()).resume(true);
            resumed.build().unwrap().run().unwrap().bytes
        });
        assert_eq!(resumed, whole, "stopped after {steps} steps");
        let began_anew = observer.parts.lock().unwrap().contains(&SearchPart::Float);
        assert_eq!(began_anew, steps < 800, "what was done is not done again");

        let anew = search(budget).checkpoint(folder.path()).build().unwrap().run();
        assert!(matches!(anew, Err(Error::CheckpointExists { .. })), "{anew:?}");
        let other = search(Budget::ErrorIncrease(5.0)).checkpoint(folder.path()).resume(true).build().unwrap().run();
        assert!(matches!(other, Err(Error::OtherRun { .. })), "{other:?}");
    }
}

/// Whether a part belongs to a point between two of the trajectory.
fn is_between(part: &SearchPart) -> bool {
    matches!(part, SearchPart::Stage(place) | SearchPart::File(place) if place.hundredths > 0)
}

/// Cancels a search when it begins to try points between two others.
struct StopBetween(CancelToken);

impl SearchObserver for StopBetween {
    fn part_started(&self, part: SearchPart) -> Box<dyn Observer + '_> {
        if is_between(&part) {
            self.0.cancel();
        }
        Box::new(Silent)
    }
}

#[test]
fn points_between_are_tried_resumed_and_repeated_like_all_others() {
    let budget = Budget::ErrorIncrease(4.0);
    let observer = StopAfter::new(u64::MAX, CancelToken::new());
    let whole = search(budget).search_observer(&observer).build().unwrap().run().unwrap();
    let parts = observer.parts.lock().unwrap();
    assert_eq!(parts.iter().filter(|part| is_between(part)).count(), 4, "two stages and two files: {parts:?}");

    let mut repeated = 0;
    for file in &whole.files {
        let recipe = CompressedModel::from_bytes(&file.bytes).unwrap().recipe().unwrap();
        if recipe.joint.rise.last_step < 1.0 {
            let again = Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(recipe);
            assert_eq!(again.build().unwrap().run().unwrap().bytes, file.bytes);
            repeated += 1;
        }
    }
    assert_eq!(repeated, 2);

    let folder = tempfile::tempdir().unwrap();
    let token = CancelToken::new();
    let observer = StopBetween(token.clone());
    let stopped = search(budget).search_observer(&observer).cancel(token).checkpoint(folder.path());
    let stopped = stopped.build().unwrap().run();
    assert!(matches!(stopped, Err(Error::Interrupted { best: Some(_), .. })), "{stopped:?}");
    let observer = StopAfter::new(u64::MAX, CancelToken::new());
    let resumed = search(budget).search_observer(&observer).checkpoint(folder.path()).resume(true);
    assert_eq!(resumed.build().unwrap().run().unwrap().bytes, whole.bytes);
    assert!(observer.parts.lock().unwrap().iter().all(is_between), "what was done is not done again");
}

#[test]
fn what_an_interrupted_search_leaves_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = |budget| {
        let token = CancelToken::new();
        let observer = StopAfter::new(1500, token.clone());
        let search = search(budget).search_observer(&observer).cancel(token).checkpoint_on_interrupt(folder.path());
        let stopped = search.build().unwrap().run();
        assert!(matches!(stopped, Err(Error::Interrupted { checkpoint: Some(_), .. })), "{stopped:?}");
    };
    let resumed = |budget| search(budget).checkpoint(folder.path()).resume(true).build().unwrap().run();
    let (first, second) = (Budget::ErrorIncrease(4.0), Budget::Bytes(600));
    stopped(first);
    stopped(second);
    // The second took the place of the first.
    assert!(matches!(resumed(first), Err(Error::OtherRun { .. })));
    assert_eq!(resumed(second).unwrap().bytes, search(second).build().unwrap().run().unwrap().bytes);
}

#[test]
fn time_ends_a_search_on_its_way() {
    let budget = Budget::ErrorIncrease(4.0);
    let begun = Instant::now();
    let whole = search(budget).build().unwrap().run().unwrap().outcome;
    assert!(whole.judgement.unwrap().is_complete);
    let time = begun.elapsed();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    // Machines differ in how even their pace is: one of these ends between the first file and the last.
    let ended = (2..10).find_map(|tenths| {
        let limited = search(budget).time_limit(time * tenths / 10).checkpoint_on_interrupt(&state);
        match limited.build().unwrap().run() {
            Err(Error::TimeLimit { .. }) => None,
            other => Some(other.unwrap().outcome),
        }
    });
    let ended = ended.expect("a file in nine tenths of the time");
    assert!(!ended.judgement.unwrap().is_complete && ended.frontier.len() < whole.frontier.len());
    // The files are those of the whole search, as far as it went.
    let sizes = |outcome: &mixpress_compress::Outcome| -> Vec<u64> {
        outcome.frontier.iter().map(|point| point.file_bytes).collect()
    };
    let all = sizes(&whole);
    assert!(sizes(&ended).iter().all(|size| all.contains(size)));
    assert!(!state.exists(), "there is nothing to resume");
}

#[test]
fn time_ends_a_search_with_what_it_has() {
    let budget = Budget::ErrorIncrease(4.0);
    let none = search(budget).time_limit(Duration::ZERO).build().unwrap().run();
    assert!(matches!(none, Err(Error::TimeLimit { .. })), "{none:?}");

    let folder = tempfile::tempdir().unwrap();
    let (out, frontier) = (folder.path().join("a.mxp"), folder.path().join("files"));
    let limited = search(budget).time_limit(Duration::from_hours(1)).frontier(&frontier).build().unwrap();
    let outcome = limited.run_to(&out, Overwrite::Refuse).unwrap().outcome;
    let table = fs::read_to_string(frontier.join("frontier.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + outcome.frontier.len());
    for (line, point) in table.lines().skip(1).zip(&outcome.frontier) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fs::metadata(frontier.join(fields[0])).unwrap().len(), point.file_bytes);
        assert_eq!(fields[9] == "yes", point.is_chosen);
        assert!(!point.is_chosen || fs::read(frontier.join(fields[0])).unwrap() == fs::read(&out).unwrap());
    }
    let again = search(budget).frontier(&frontier).build().unwrap().run_to(&out.with_extension("b"), Overwrite::Refuse);
    assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
}

#[test]
fn budgets_that_cannot_be_meant_are_refused() {
    for budget in [Budget::ErrorIncrease(f64::NAN), Budget::Error(-1.0), Budget::Error(101.0), Budget::Bytes(0)] {
        assert!(matches!(search(budget).build().map(drop), Err(Error::Budget { .. })), "{budget:?}");
    }
    let recipe = Recipe::from_toml(SHORT).unwrap();
    let fixed = Compressor::builder().network(zoo::digits_mlp()).data(digits()).recipe(recipe);
    assert!(matches!(fixed.time_limit(Duration::ZERO).build().map(drop), Err(Error::Missing(_))));
}
