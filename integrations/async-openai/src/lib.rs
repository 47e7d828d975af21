//! Records the calls that a program makes through `async-openai`.
//!
//! Say when a call is asked, and hand over what came of it:
//!
//! ```
//! use async_openai::types::chat::CreateChatCompletionResponse;
//! use modelstat::{Client, Config};
//! use modelstat_async_openai::{Asked, answered, record};
//!
//! # fn chat() -> CreateChatCompletionResponse { CreateChatCompletionResponse::default() }
//! let ms = Client::new(Config::new("msk_live_…", "raw_sdk_openai", "checkout-api"));
//! let asked = Asked::now("openai", "conversation-1").prompt("What is the capital of France?");
//! let answer = chat(); // client.chat().create(request).await?
//! record(&ms, answered(asked, &answer));
//! ```
//!
//! A streamed answer goes through [`ChatStream`] or [`ResponseStream`], a refusal through [`refused`]:
//!
//! ```
//! use async_openai::error::ApiError;
//! use modelstat_async_openai::{Asked, refused};
//!
//! # let (asked, error) = (Asked::now("openai", "conversation-1"), ApiError::default());
//! // Err(OpenAIError::ApiError(error)) => refused(asked, error.status_code.as_u16(), &error.api_error)
//! let call = refused(asked, 429, &error);
//! // Err(_) => asked.failed("transport", None)
//! # drop(call);
//! ```
//!
//! Only a usage is turned into tokens by [`ToUsage`]. An answer that the `tracing` layer or the
//! OpenTelemetry exporter of modelstat has recorded already is not recorded again by [`record`].
//!
//! What this crate deliberately does not do: it wraps no client and sends nothing; of `async-openai` it
//! takes the types, without an HTTP client.

mod answer;
mod chat;
mod response;
mod usage;

pub use answer::{Answer, answered, record, refused};
pub use chat::ChatStream;
pub use modelstat_spans::Asked;
pub use response::ResponseStream;
pub use usage::ToUsage;
