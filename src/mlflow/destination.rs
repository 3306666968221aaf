//! Which server runs are delivered to, and as whom: MLflow's own environment variables.
//!
//! For: `push`. Not for: calling the server. The only place where secrets are read; nothing here shows them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, Identity, Url};

use crate::address;

use super::error::DeliveryError;

/// Where MLflow listens unless told otherwise.
const DEFAULT: &str = "http://127.0.0.1:5000";

const USERNAME: &str = "MLFLOW_TRACKING_USERNAME";
const PASSWORD: &str = "MLFLOW_TRACKING_PASSWORD";
const TOKEN: &str = "MLFLOW_TRACKING_TOKEN";
const CA_FILE: &str = "MLFLOW_TRACKING_SERVER_CERT_PATH";
const CLIENT_FILE: &str = "MLFLOW_TRACKING_CLIENT_CERT_PATH";
const INSECURE: &str = "MLFLOW_TRACKING_INSECURE_TLS";
const TIMEOUT: &str = "MLFLOW_HTTP_REQUEST_TIMEOUT";
const RETRIES: &str = "MLFLOW_HTTP_REQUEST_MAX_RETRIES";
const EXPERIMENT: &str = "MLFLOW_EXPERIMENT_NAME";

/// A server and how to be let in.
#[derive(Clone)]
pub struct Destination {
    /// The address without a slash at its end. May hold user info, where nothing else says who asks.
    base: String,
    credentials: Option<Credentials>,
    ca_file: Option<PathBuf>,
    client_file: Option<PathBuf>,
    is_insecure: bool,
    /// How long a request may take, where the environment says so.
    pub(super) timeout: Option<Duration>,
    /// How often a request is repeated, where the environment says so.
    pub(super) retries: Option<u32>,
    /// The experiment, where the environment names one.
    pub(super) experiment: Option<String>,
    is_chosen: bool,
}

/// Who asks.
#[derive(Clone)]
pub(super) enum Credentials {
    /// A name and a password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

/// Without any secret, so that it may be logged.
impl fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ca_file, client_file, is_insecure, timeout, .. } = self;
        let mut debug = formatter.debug_struct("Destination");
        debug.field("server", &self.shown()).field("ca_file", ca_file).field("client_file", client_file);
        debug.field("is_insecure", is_insecure).field("timeout", timeout).finish_non_exhaustive()
    }
}

impl Destination {
    /// `tracking_uri` (of pipeline.yaml), else `MLFLOW_TRACKING_URI`, else MLflow's own default.
    ///
    /// # Errors
    /// [`DeliveryError`] where the address is not http or https, or a variable cannot be understood.
    pub fn resolve(tracking_uri: Option<&str>) -> Result<Self, DeliveryError> {
        let variable = |name: &str| std::env::var(name).ok();
        Self::of(tracking_uri, &|name| {
            variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        })
    }

    /// The same with an environment that answers `variable`.
    pub(super) fn of(
        tracking_uri: Option<&str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, DeliveryError> {
        let chosen = tracking_uri.map(String::from).or_else(|| variable("MLFLOW_TRACKING_URI"));
        let is_chosen = chosen.is_some();
        let mut base = url(&chosen.unwrap_or_else(|| DEFAULT.to_owned()))?;
        let credentials = credentials(variable);
        if credentials.is_some() {
            let _ = (base.set_username(""), base.set_password(None));
        }
        let timeout = number(TIMEOUT, variable)?.map(|seconds| Duration::from_secs(seconds.max(1)));
        let retries = number(RETRIES, variable)?.map(|retries| u32::try_from(retries).unwrap_or(u32::MAX));
        Ok(Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            credentials,
            ca_file: variable(CA_FILE).map(PathBuf::from),
            client_file: variable(CLIENT_FILE).map(PathBuf::from),
            is_insecure: variable(INSECURE).is_some_and(|text| matches!(text.to_lowercase().as_str(), "1" | "true")),
            timeout,
            retries,
            experiment: variable(EXPERIMENT),
            is_chosen,
        })
    }

    /// The address as it may be shown.
    pub fn shown(&self) -> String {
        address::shown(&self.base)
    }

    /// Whether somebody named this server, and it is not merely the default.
    pub fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    /// The address to call.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Whether anything says who asks.
    pub(super) fn has_credentials(&self) -> bool {
        self.credentials.is_some() || self.shown() != self.base
    }

    /// Host and port, as the request names them.
    pub(super) fn host(&self) -> String {
        let shown = self.shown();
        let after = shown.split_once("://").map_or(shown.as_str(), |(_, after)| after);
        after.split('/').next().unwrap_or_default().to_owned()
    }

    /// Whether the server is on this machine: its address is `localhost` or a loopback address.
    pub(super) fn is_local(&self) -> bool {
        let host = Url::parse(&self.base).ok().and_then(|url| url.host_str().map(String::from)).unwrap_or_default();
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// `builder` with the certificates that the environment names.
    pub(super) fn secure(&self, builder: ClientBuilder) -> Result<ClientBuilder, DeliveryError> {
        let mut builder = builder.tls_danger_accept_invalid_certs(self.is_insecure);
        if let Some(path) = &self.ca_file {
            let certificates = Certificate::from_pem_bundle(&read(CA_FILE, path)?);
            let certificates = certificates.map_err(|error| unusable(CA_FILE, path, &error))?;
            if certificates.is_empty() {
                return Err(unusable(CA_FILE, path, &"there is no certificate in it"));
            }
            builder = builder.tls_certs_only(certificates);
        } else if self.base.starts_with("http://") {
            // Reading the system's certificates takes longer than a whole request, and nobody asks for them here.
            builder = builder.tls_certs_only([]);
        }
        if let Some(path) = &self.client_file {
            let identity = Identity::from_pem(&read(CLIENT_FILE, path)?);
            builder = builder.identity(identity.map_err(|error| unusable(CLIENT_FILE, path, &error))?);
        }
        // A proxy never knows better what is on this machine.
        Ok(if self.is_local() { builder.no_proxy() } else { builder })
    }
}

fn url(text: &str) -> Result<Url, DeliveryError> {
    let refused = || DeliveryError::Address { address: address::shown(text) };
    let mut url = Url::parse(text).map_err(|_| refused())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refused());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// A name with a password goes before a token, as with MLflow's own client.
fn credentials(variable: &dyn Fn(&str) -> Option<String>) -> Option<Credentials> {
    let basic = variable(USERNAME).zip(variable(PASSWORD)).map(|(name, password)| Credentials::Basic(name, password));
    basic.or_else(|| variable(TOKEN).map(Credentials::Bearer))
}

fn number(name: &'static str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<u64>, DeliveryError> {
    let Some(text) = variable(name) else { return Ok(None) };
    let problem = || format!("`{text}` is not a whole number");
    text.parse().map(Some).map_err(|_| DeliveryError::Setting { variable: name, problem: problem() })
}

fn read(variable: &'static str, path: &Path) -> Result<Vec<u8>, DeliveryError> {
    std::fs::read(path).map_err(|error| unusable(variable, path, &error))
}

fn unusable(variable: &'static str, path: &Path, problem: &dyn fmt::Display) -> DeliveryError {
    DeliveryError::Setting { variable, problem: format!("`{}`: {problem}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(uri: Option<&str>, variables: &[(&str, &str)]) -> Result<Destination, DeliveryError> {
        let find =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        Destination::of(uri, &find)
    }

    #[test]
    fn the_file_goes_before_the_environment_and_that_before_the_default() {
        let variables = [("MLFLOW_TRACKING_URI", "https://b/mlflow/")];
        let shown = |uri, variables: &[_]| destination(uri, variables).unwrap().shown();
        assert_eq!(shown(Some("http://a:80/"), &variables), "http://a");
        assert_eq!(shown(None, &variables), "https://b/mlflow");
        assert_eq!(shown(None, &[]), DEFAULT);
        assert!(!destination(None, &[]).unwrap().is_chosen() && destination(None, &variables).unwrap().is_chosen());
    }

    #[test]
    fn what_is_no_server_is_refused_without_its_user_info() {
        for uri in ["sqlite:///mlflow.db", "./mlruns", "databricks", "file:///tmp/x", "http://"] {
            let error = destination(Some(uri), &[]).unwrap_err();
            assert!(matches!(error, DeliveryError::Address { .. }) && error.hint().is_some(), "{uri}");
        }
        let error = destination(Some("postgresql://ana:s3cret@h/x"), &[]).unwrap_err();
        assert_eq!(error.to_string(), "`postgresql://h/x` is not the address of an MLflow server");
    }

    #[test]
    fn no_secret_is_in_what_is_shown_or_logged() {
        let variables = [(USERNAME, "ana"), (PASSWORD, "s3cret")];
        let with_variables = destination(Some("http://bob:s3cret@h:1/x?t=s3cret"), &variables).unwrap();
        assert_eq!(with_variables.base(), "http://h:1/x", "the variables say who asks");
        let with_user_info = destination(Some("http://bob:s3cret@h:1/x"), &[]).unwrap();
        let with_token = destination(None, &[(TOKEN, "s3cret")]).unwrap();
        for destination in [with_variables, with_user_info, with_token] {
            assert!(destination.has_credentials());
            assert!(!format!("{destination:?} {}", destination.shown()).contains("s3cret"));
        }
    }

    #[test]
    fn only_loopback_addresses_are_of_this_machine() {
        let is_local = |uri| destination(Some(uri), &[]).unwrap().is_local();
        assert!(is_local("http://localhost:5000") && is_local("http://127.0.0.1") && is_local("http://[::1]:5000/x"));
        assert!(!is_local("http://mlflow:5000") && !is_local("http://10.0.0.1"));
        assert_eq!(destination(Some("http://mlflow:5000/x"), &[]).unwrap().host(), "mlflow:5000");
    }

    #[test]
    fn variables_and_files_that_cannot_be_used_are_named() {
        let error = destination(None, &[(TIMEOUT, "soon")]).unwrap_err();
        assert_eq!(error.to_string(), "`MLFLOW_HTTP_REQUEST_TIMEOUT` cannot be used: `soon` is not a whole number");
        let error = destination(None, &[(CA_FILE, "/nowhere.pem")]).unwrap().secure(ClientBuilder::new()).unwrap_err();
        assert!(error.to_string().starts_with("`MLFLOW_TRACKING_SERVER_CERT_PATH` cannot be used: `/nowhere.pem`: "));
    }
}
