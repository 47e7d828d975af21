//! A transport for `rig` that reaches a provider on loopback, and blocks.

use bytes::Bytes;
use modelstat_testkit::post;
use rig_core::http_client::{
    Error, HttpClientExt, LazyBody, MultipartForm, Request, Response, Result, StatusCode,
    StreamingResponse,
};
use rig_core::wasm_compat::WasmCompatSend;

/// Sends over a connection of its own each time.
pub(crate) struct Loopback;

#[expect(clippy::result_large_err, reason = "the error is that of rig's trait")]
fn send(request: Request<Bytes>) -> Result<(StatusCode, Bytes)> {
    let (parts, body) = request.into_parts();
    let address = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    let body = serde_json::from_slice(&body).map_err(Error::instance)?;
    let answer = post(&address, parts.uri.path(), &body).map_err(Error::instance)?;
    let status = StatusCode::from_u16(answer.status).map_err(Error::instance)?;
    if status.is_success() {
        return Ok((status, answer.body.into()));
    }
    Err(Error::non_success_with_details(status, parts.headers, answer.body))
}

impl HttpClientExt for Loopback {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        T: Into<Bytes> + WasmCompatSend,
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        let request = request.map(Into::into);
        async move {
            let (status, body) = send(request)?;
            let body: LazyBody<U> = Box::pin(std::future::ready(Ok(U::from(body))));
            let mut response = Response::new(body);
            *response.status_mut() = status;
            Ok(response)
        }
    }

    fn send_multipart<U>(
        &self,
        _: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        std::future::ready(Err(Error::StreamEnded))
    }

    fn send_streaming<T>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<StreamingResponse>> + WasmCompatSend
    where
        T: Into<Bytes> + WasmCompatSend,
    {
        let request = request.map(Into::into);
        async move {
            let (_, body) = send(request)?;
            let pieces = futures::stream::iter([Ok(body)]);
            let mut response: StreamingResponse = Response::new(Box::pin(pieces));
            let kind = "text/event-stream".parse().map_err(Error::instance)?;
            response.headers_mut().insert("content-type", kind);
            Ok(response)
        }
    }
}
