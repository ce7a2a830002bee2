//! The bytes of request bodies that this process holds at one time. A body is gathered before anybody knows whose it is, so that
//! what bounds one request does not bound them all.
//!
//! What counts is what has arrived, not what was announced: else a few words would take the room of everybody.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use stadtbus_flow::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Shared, problem::Problem};

const KIB: u64 = 1024;

/// The room for the bodies of all requests, counted in KiB.
pub(crate) struct Bodies(Arc<Semaphore>);

impl Bodies {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let kib = usize::try_from(bytes_max / KIB).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(kib.min(Semaphore::MAX_PERMITS))))
    }
}

/// What one request has of the room, until it is answered.
#[derive(Default)]
struct Held {
    bytes: u64,
    permits: Option<OwnedSemaphorePermit>,
    /// There was none left for it.
    refused: bool,
}

impl Held {
    fn take(&mut self, room: &Arc<Semaphore>, bytes: usize) -> bool {
        let bytes = self.bytes + bytes as u64;
        let more = bytes.div_ceil(KIB) - self.bytes.div_ceil(KIB);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let Ok(permits) = Arc::clone(room).try_acquire_many_owned(more) else {
            self.refused = true;
            return false;
        };
        self.bytes = bytes;
        match &mut self.permits {
            Some(held) => held.merge(permits),
            none => *none = Some(permits),
        }
        true
    }
}

/// A body whose bytes are counted as they come.
struct Counted {
    body: Body,
    room: Arc<Semaphore>,
    held: Arc<Mutex<Held>>,
}

fn locked(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && !locked(&self.held).take(&self.room, data.len())
        {
            return Poll::Ready(Some(Err(Error::new(full()))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn full() -> Refusal {
    Refusal::new("SB-1404", "Too much is being received at this moment.")
}

/// Whoever finds no room for its body is refused at once, whatever the handler makes of half a body.
pub(super) async fn bounded(State(bus): Shared, request: Request, next: Next) -> Response {
    let held = Arc::new(Mutex::new(Held::default()));
    let request = request.map(|body| {
        Body::new(Counted {
            body,
            room: Arc::clone(&bus.bodies.0),
            held: Arc::clone(&held),
        })
    });
    let response = next.run(request).await;
    if locked(&held).refused {
        return Problem(full()).into_response();
    }
    response
}
