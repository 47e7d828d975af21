//! The engines with a model: made of what the daemon is told, shown in its status, ended with it.

use std::io;
use std::sync::Arc;

use modelstat_engine::{ChildEngine, ChildOptions, EngineStatus, HttpEngine, Transport};
use modelstat_wire::Clock;

use crate::egress::{Endpoint, EndpointError, EngineDoor, Ledger};
use modelstat_summarize::Engines;

/// The engines with a model, as the daemon is told of them.
#[derive(Clone, Debug, Default)]
pub struct ModelEngines {
    /// A model in a process of its own.
    pub child: Option<ChildOptions>,
    /// A model over HTTP; asked where the process fails.
    pub endpoint: Option<Endpoint>,
}

/// An engine with a model could not be made.
#[derive(Debug)]
pub(crate) enum ModelEngineError {
    Endpoint(EndpointError),
    Thread(io::Error),
}

/// The engines at work.
#[derive(Debug, Default)]
pub(crate) struct Models {
    child: Option<Arc<ChildEngine>>,
    http: Option<(Arc<HttpEngine>, Arc<EngineDoor>)>,
}

impl Models {
    pub(crate) fn start(
        told: &ModelEngines,
        ledger: &Arc<Ledger>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ModelEngineError> {
        let http = told.endpoint.as_ref().map(|endpoint| {
            let door = EngineDoor::new(endpoint, Arc::clone(ledger), Arc::clone(clock))?;
            let door = Arc::new(door);
            let transport: Arc<dyn Transport> = Arc::clone(&door) as Arc<dyn Transport>;
            Ok((Arc::new(HttpEngine::new(endpoint.http.clone(), transport)), door))
        });
        let http = http.transpose().map_err(ModelEngineError::Endpoint)?;
        let child = told.child.clone().map(ChildEngine::new).transpose();
        Ok(Self { child: child.map_err(ModelEngineError::Thread)?.map(Arc::new), http })
    }

    /// Returns all engines in the order in which they are asked.
    pub(crate) fn after(&self, mut engines: Engines) -> Engines {
        if let Some(child) = &self.child {
            engines.first.push(Arc::clone(child) as _);
        }
        if let Some((http, _)) = &self.http {
            engines.first.push(Arc::clone(http) as _);
        }
        engines
    }

    pub(crate) fn status(&self) -> Vec<EngineStatus> {
        let child = self.child.as_ref().map(|child| child.status());
        let http = self.http.as_ref().map(|(http, _)| http.status());
        child.into_iter().chain(http).collect()
    }

    /// What an operator should know of where text goes.
    pub(crate) fn warnings(&self) -> Option<String> {
        let (_, door) = self.http.as_ref().filter(|(_, door)| door.is_remote())?;
        let destination = door.destination();
        Some(format!(
            "the engine at {destination} is on another machine: redacted text of turns leaves for it"
        ))
    }

    /// Ends them: drafts at hand fail, so that the template makes their abstracts.
    pub(crate) fn shut(&self) {
        if let Some((_, door)) = &self.http {
            door.shut();
        }
        if let Some(child) = &self.child {
            child.shut();
        }
    }
}
