//! `segpipe status`: each stage's state and the reason for it, without running anything.

use serde_json::json;

use super::Ending;
use super::args::StatusArguments;
use super::failure::Failure;
use super::printer::Printer;
use super::project::{self, Surroundings};
use crate::engine::{self, RunOptions};
use crate::plan::Plan;
use crate::report::{self, format};
use crate::spec::pipeline::Pipeline;

/// Prints the state of every stage.
pub(super) fn status(around: &Surroundings, arguments: &StatusArguments) -> Ending {
    let pipeline = around.open(&arguments.overriding)?;
    let plan = engine::plan(&pipeline, &RunOptions::default(), project::sources(&pipeline).as_ref())?;
    if arguments.json {
        Printer::lines(&[object(&pipeline, &plan)])?;
    } else {
        print(around, &plan)?;
    }
    Ok(0)
}

/// Prints a plan as a table, after what it uses although it is not up to date.
pub(super) fn print(around: &Surroundings, plan: &Plan) -> Result<(), Failure> {
    if !plan.upstream.is_empty() {
        around.printer.warn(&format!("used as it is although not up to date: {}", plan.upstream.join(", ")));
    }
    Printer::lines(&format::plan_lines(plan, report::paint_of_stdout()))
}

fn object(pipeline: &Pipeline, plan: &Plan) -> String {
    json!({ "pipeline": pipeline.name, "stages": plan.stages }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlannedStage, State};
    use crate::spec::pipeline::Capacity;
    use crate::spec::shared::SharedCache;

    #[test]
    fn the_json_form_is_one_object_with_every_stage_in_order() {
        let pipeline = Pipeline {
            name: "retail".to_owned(),
            file: "pipeline.yaml".into(),
            directory: ".".into(),
            stages: Vec::new(),
            capacity: Capacity::default(),
            cache: SharedCache::default(),
            is_overridden: false,
        };
        let planned = |stage: &str, state, reason: Option<&str>| PlannedStage {
            stage: stage.to_owned(),
            state,
            reason: reason.map(String::from),
        };
        let stages = vec![planned("load", State::Fresh, None), planned("rfm", State::Stale, Some("never run here"))];
        let expected = "{\"pipeline\":\"retail\",\"stages\":[\
                        {\"stage\":\"load\",\"state\":\"fresh\",\"reason\":null},\
                        {\"stage\":\"rfm\",\"state\":\"stale\",\"reason\":\"never run here\"}]}";
        assert_eq!(object(&pipeline, &Plan { stages, upstream: Vec::new() }), expected);
    }
}
