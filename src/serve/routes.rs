//! Which requests there are, and what is done with each.
//!
//! For: one place where a request is let in, counted, answered and told of. Not for: connections.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use axum::RequestExt;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use segpipe_stages::numerals::counted;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::body::{self, Allowance};
use super::invocations::Form;
use super::journal::{Journal, Level};
use super::metrics::Metrics;
use super::options::Options;
use super::problem::{self, Problem};
use super::served::Served;
use super::transactions::{self, Upload, Waiting, Watch};
use super::{content, openapi};

/// Larger bodies are read beside the threads that serve.
const HEAVY: usize = 128 << 10;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Health,
    Version,
    Metrics,
    OpenApi,
    Invocations,
    Segments,
    Customer,
    Transactions,
}

impl Route {
    /// Every route, by number.
    pub(super) const ALL: [Self; 9] = [
        Self::Ping,
        Self::Health,
        Self::Version,
        Self::Metrics,
        Self::OpenApi,
        Self::Invocations,
        Self::Segments,
        Self::Customer,
        Self::Transactions,
    ];

    /// Its path, with names in braces for what differs.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Ping => "/ping",
            Self::Health => "/health",
            Self::Version => "/version",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Invocations => "/invocations",
            Self::Segments => "/v1/segments",
            Self::Customer => "/v1/customers/{id}",
            Self::Transactions => "/v1/transactions",
        }
    }

    const fn filter(self) -> MethodFilter {
        if self.has_body() { MethodFilter::POST } else { MethodFilter::GET }
    }

    /// Whether it is asked by `POST`, with a body.
    pub(super) const fn has_body(self) -> bool {
        matches!(self, Self::Invocations | Self::Transactions)
    }

    /// Whether it is answered to anybody.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Ping | Self::Health | Self::Version)
    }

    /// Whether it is answered however much is asked for at once.
    const fn is_light(self) -> bool {
        self.is_open() || matches!(self, Self::Metrics)
    }
}

/// What answers requests.
pub(super) struct Service {
    pub(super) options: Options,
    pub(super) metrics: Metrics,
    pub(super) journal: Journal,
    served: RwLock<Arc<Served>>,
    /// Places for requests.
    places: Semaphore,
    /// Places for work beside the threads that serve.
    heavy: Arc<Semaphore>,
}

impl Service {
    pub(super) fn new(options: Options, journal: Journal, served: Served) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (places, heavy) = (Semaphore::new(options.concurrency), Arc::new(Semaphore::new(threads)));
        let served = RwLock::new(Arc::new(served));
        Self { options, metrics: Metrics::default(), journal, served, places, heavy }
    }

    /// What answers now. A request takes it once and keeps it to its end.
    pub(super) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `served` answers.
    pub(super) fn swap(&self, served: Served) {
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(served);
    }

    /// The routes with what answers them.
    pub(super) fn router(self: &Arc<Self>) -> Router {
        let mut router = Router::new();
        for route in Route::ALL {
            let service = Arc::clone(self);
            let handler = move |request: Request| {
                let service = Arc::clone(&service);
                async move { service.answer(route, request).await }
            };
            router = router.route(route.path(), on(route.filter(), handler));
        }
        let (unknown, other) = (Arc::clone(self), Arc::clone(self));
        let unknown = move |request: Request| async move { unknown.refuse(&request, not_found()) };
        let other = move |request: Request| async move { other.refuse(&request, not_allowed()) };
        router.fallback(unknown).method_not_allowed_fallback(other)
    }

    fn refuse(&self, request: &Request, problem: Problem) -> Response {
        let begun = Instant::now();
        // Whoever may not come in is not told either what there is.
        let answer = self.authorise(request.headers()).and(Err(problem)).unwrap_or_else(Problem::into_response);
        self.tell(None, answer.status(), begun);
        answer
    }

    async fn answer(&self, route: Route, request: Request) -> Response {
        let begun = Instant::now();
        let _present = self.metrics.request();
        let answer = self.admit(route, request).await.unwrap_or_else(Problem::into_response);
        self.tell(Some(route), answer.status(), begun);
        answer
    }

    /// Counts and tells of a request that was refused before it was read.
    pub(super) fn unread(&self, status: StatusCode) {
        self.tell(None, status, Instant::now());
    }

    fn tell(&self, route: Option<Route>, status: StatusCode, begun: Instant) {
        let took = begun.elapsed();
        self.metrics.answered(route, status, took);
        let is_failure = status == StatusCode::INTERNAL_SERVER_ERROR;
        let level = if is_failure { Level::Warning } else { Level::Request };
        if self.journal.takes(level) {
            let (route, status) = (route.map_or("other", Route::path), status.as_u16());
            let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let facts = [("route", json!(route)), ("status", json!(status)), ("microseconds", json!(microseconds))];
            self.journal.tell(level, "request", facts);
        }
    }

    fn authorise(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.options.token else { return Ok(()) };
        let shown = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_bearer = shown.len() > 7 && shown[..7].eq_ignore_ascii_case(b"bearer ");
        if is_bearer && token.is(shown[7..].trim_ascii()) {
            return Ok(());
        }
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorised", "this service wants a token");
        Err(problem.with_hint("send it as `authorization: Bearer <token>`").last())
    }

    async fn admit(&self, route: Route, request: Request) -> Result<Response, Problem> {
        if !route.is_open() {
            self.authorise(request.headers())?;
        }
        if route.is_light() {
            return Ok(self.light(route));
        }
        let _place = self.places.try_acquire().map_err(|_| Problem::busy().last())?;
        match route {
            Route::Invocations => self.invocations(request).await,
            Route::Transactions => self.transactions(request).await,
            Route::Customer => self.customer(request).await,
            Route::Segments => Ok(problem::json(StatusCode::OK, self.served().cards.clone())),
            _ => Ok(problem::json(StatusCode::OK, openapi::DOCUMENT)),
        }
    }

    fn light(&self, route: Route) -> Response {
        let plain =
            |body: Body| problem::typed(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), body);
        match route {
            Route::Version => plain(Body::from(crate::mlflow::VERSION)),
            Route::Metrics => {
                let text = self.metrics.text(&self.served());
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                problem::typed(StatusCode::OK, kind, text)
            }
            _ => plain(Body::from("OK\n")),
        }
    }

    async fn invocations(&self, request: Request) -> Result<Response, Problem> {
        let form = Form::of(request.headers())?;
        let allowance = Allowance::new(self.options.max_body, self.options.time_out);
        let (head, body) = request.into_parts();
        let body = body::in_memory(body, &head.headers, allowance).await?;
        let served = self.served();
        let (answer, rows) = if body.len() > HEAVY {
            self.beside(allowance, move || score(&served, form, &body)).await?
        } else {
            score(&served, form, &body)?
        };
        self.metrics.scored(rows);
        Ok(problem::json(StatusCode::OK, answer))
    }

    async fn transactions(&self, request: Request) -> Result<Response, Problem> {
        let (head, body) = request.into_parts();
        content::check_encoding(&head.headers, &["gzip"])?;
        let is_csv_wanted = content::wants_csv(&head.headers)?;
        let params = transactions::params(head.uri.query())?;
        let allowance = Allowance::new(self.options.max_upload, self.options.time_out);
        let upload = Upload::new(params, is_csv_wanted, self.options.max_upload)?;
        body::in_file(body, &head.headers, allowance, &upload.path()).await?;
        let (served, watch) = (self.served(), Arc::new(Watch::default()));
        let _waiting = Waiting(Arc::clone(&watch));
        let scored = self.beside(allowance, move || upload.score(&served, &watch)).await?;
        self.metrics.scored(scored.customers);
        let kind = if is_csv_wanted { "text/csv; charset=utf-8" } else { "application/json" };
        Ok(problem::typed(StatusCode::OK, HeaderValue::from_static(kind), scored.body))
    }

    /// Does `work` on a thread of its own once there is a place; gives up waiting for it when the time is over.
    async fn beside<T: Send + 'static>(
        &self,
        allowance: Allowance,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = timeout_at(allowance.until, Arc::clone(&self.heavy).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(Problem::busy()) };
        let task = tokio::task::spawn_blocking(move || {
            // The place is taken until the work has really ended, whoever waits for it.
            let _place = place;
            work()
        });
        let done = timeout_at(allowance.until, task).await.map_err(|_| transactions::too_long())?;
        done.unwrap_or_else(|_| Err(Problem::internal("the request could not be worked on")))
    }

    async fn customer(&self, mut request: Request) -> Result<Response, Problem> {
        let id = request.extract_parts::<Path<String>>().await;
        let Path(id) = id.map_err(|_| Problem::malformed("the customer's id cannot be read"))?;
        let served = self.served();
        let Some(customers) = served.customers() else {
            let problem =
                Problem::new(StatusCode::NOT_FOUND, "no_assignments", "this bundle holds no customers' segments");
            return Err(problem.with_hint("set `deploy.include_assignments: true` and run the pipeline"));
        };
        let unknown =
            || Problem::new(StatusCode::NOT_FOUND, "unknown_customer", "there is no such customer in the bundle");
        let score = customers.get(id.as_str()).ok_or_else(unknown)?;
        let mut body = b"{\"customer_id\":".to_vec();
        super::served::write_json(&mut body, &id);
        body.push(b',');
        served.write(&mut body, score);
        body.push(b'}');
        Ok(problem::json(StatusCode::OK, body))
    }

    /// What there is to say of the model that answers.
    pub(super) fn described(&self) -> String {
        let served = self.served();
        let (model, bundle) = (&served.bundle.model, &served.bundle.digest);
        format!(
            "{} of {}, bundle {}",
            counted(model.segments.len() as u64, "segment"),
            model.data_source,
            &bundle[..12]
        )
    }
}

fn score(served: &Served, form: Form, body: &Bytes) -> Result<(Vec<u8>, usize), Problem> {
    let rows = form.rows(body)?;
    Ok((served.predictions(&rows), rows.len()))
}

fn not_found() -> Problem {
    let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path");
    problem.with_hint("`/openapi.json` lists what there is").last()
}

fn not_allowed() -> Problem {
    let text = "this path takes another method";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text);
    problem.with_hint("the header `allow` says which").last()
}
