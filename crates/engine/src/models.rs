//! The engines with a model: made of what a daemon or a server is told, shown in its status, ended with it.

use std::io;
use std::sync::Arc;

use modelstat_summarize::Engines;

use crate::child::{ChildEngine, ChildOptions};
use crate::endpoint::{Endpoint, EndpointError};
use crate::openai::{HttpEngine, Transport};
use crate::status::EngineStatus;

/// The engines with a model, as they are asked for.
#[derive(Clone, Debug, Default)]
pub struct ModelEngines {
    /// A model in a process of its own.
    pub child: Option<ChildOptions>,
    /// A model over HTTP; asked where the process fails.
    pub endpoint: Option<Endpoint>,
}

/// An engine with a model could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ModelEngineError {
    /// The address of the one over HTTP cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The system gives no thread for the process.
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
}

/// The engines at work.
#[derive(Debug, Default)]
pub struct Models {
    child: Option<Arc<ChildEngine>>,
    http: Option<Arc<HttpEngine>>,
}

impl Models {
    /// Makes the engines; `transport` is how an endpoint is asked. Nobody is asked yet.
    pub fn start<T: Transport + 'static>(
        told: &ModelEngines,
        transport: impl FnOnce(&Endpoint) -> Result<T, EndpointError>,
    ) -> Result<Self, ModelEngineError> {
        let http = told.endpoint.as_ref().map(|endpoint| {
            let transport = Arc::new(transport(endpoint)?);
            Ok::<_, EndpointError>(Arc::new(HttpEngine::new(endpoint.http.clone(), transport)))
        });
        let http = http.transpose()?;
        let child = told.child.clone().map(ChildEngine::new).transpose();
        Ok(Self { child: child.map_err(ModelEngineError::Thread)?.map(Arc::new), http })
    }

    /// Returns all engines in the order in which they are asked.
    #[must_use]
    pub fn after(&self, mut engines: Engines) -> Engines {
        if let Some(child) = &self.child {
            engines.first.push(Arc::clone(child) as _);
        }
        if let Some(http) = &self.http {
            engines.first.push(Arc::clone(http) as _);
        }
        engines
    }

    /// Says how each does, in the order in which they are asked.
    pub fn status(&self) -> Vec<EngineStatus> {
        let child = self.child.as_ref().map(|child| child.status());
        let http = self.http.as_ref().map(|http| http.status());
        child.into_iter().chain(http).collect()
    }

    /// What an operator, and whoever's text it is, should know of where it goes.
    pub fn warning(&self) -> Option<String> {
        let http = self.http.as_ref().filter(|http| http.is_remote())?;
        let destination = http.destination();
        Some(format!(
            "the engine at {destination} is on another machine: redacted text of turns leaves for it"
        ))
    }

    /// Ends them: drafts at hand fail, and so does every later one.
    pub fn shut(&self) {
        if let Some(http) = &self.http {
            http.shut();
        }
        if let Some(child) = &self.child {
            child.shut();
        }
    }
}
