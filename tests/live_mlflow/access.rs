//! Who is let in, under which name, and experiments that are deleted or keep their files elsewhere.

use segpipe::mlflow::{DeliveryError, Destination, Patience, Pushed, Scope, push};
use segpipe_stages::contract::Silent;

use crate::entries::Entries;
use crate::proxy::Proxy;
use crate::servers::{ADMIN, Server, Tls};

fn deliver(entries: &Entries, url: &str) -> Pushed {
    let destination = Destination::resolve(Some(url)).unwrap();
    push(&entries.outbox(), &destination, &Patience::of_push(), Scope::Waiting, &Silent).unwrap()
}

/// `url` for a user. Names and passwords stand in addresses percent-encoded.
fn as_user(url: &str, (name, password): (&str, &str)) -> String {
    url.replace("http://", &format!("http://{name}:{}@", password.replace(' ', "%20")))
}

#[test]
fn users_are_let_in_by_name_and_permission_behind_a_path_prefix() {
    const READER: (&str, &str) = ("reader", "another long password");
    let server = Server::guarded();
    let entries = Entries::new();
    entries.seal(0, "guarded", &[]);
    for url in [server.url.clone(), as_user(&server.url, ("admin", "wrong"))] {
        let refused = deliver(&entries, &url);
        assert!(matches!(refused.error(), Some(DeliveryError::Unknown { .. })), "{:?}", refused.error());
        assert!(!format!("{:?} {}", refused.error(), refused.error().unwrap()).contains("wrong"));
    }
    let delivered = deliver(&entries, &as_user(&server.url, ADMIN));
    assert_eq!(delivered.waiting(), 0, "{:?}", delivered.error());
    let receipt = delivered.delivered().next().unwrap();
    assert!(receipt.url.starts_with(&format!("{}/#/experiments/", server.url)), "{}", receipt.url);
    server.read_back(&["user", READER.0, READER.1]);
    entries.seal(1, "guarded", &[]);
    let refused = deliver(&entries, &as_user(&server.url, READER));
    assert!(matches!(refused.error(), Some(DeliveryError::Forbidden { .. })), "{:?}", refused.error());
    assert_eq!(deliver(&entries, &as_user(&server.url, ADMIN)).waiting(), 0);
    server.read_back(&["complete", "guarded"]);
}

#[test]
fn a_name_that_the_server_refuses_is_explained() {
    let proxy = Proxy::before(Server::shared().port);
    proxy.orders().host = Some("mlflow.example:5000");
    let entries = Entries::new();
    entries.seal(0, "refused", &[]);
    let refused = deliver(&entries, &proxy.url);
    let error = refused.error().unwrap();
    assert!(matches!(error, DeliveryError::HostRefused { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("--allowed-hosts"));
}

#[test]
fn a_deleted_experiment_is_reported_with_what_to_do() {
    let server = Server::shared();
    let entries = Entries::new();
    entries.seal(0, "deleted", &[]);
    assert_eq!(deliver(&entries, &server.url).waiting(), 0);
    server.read_back(&["delete-experiment", "deleted"]);
    entries.seal(1, "deleted", &[]);
    let refused = deliver(&entries, &server.url);
    let error = refused.error().unwrap();
    assert!(matches!(error, DeliveryError::DeletedExperiment { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("mlflow experiments restore --experiment-id"));
}

#[test]
fn an_experiment_that_keeps_its_files_in_a_folder_here_gets_them_there() {
    let server = Server::shared();
    let folder = server.folder.join("beside");
    let database = format!("sqlite:///{}", server.folder.join("mlflow.db").display());
    server.read_back(&["folder-experiment", &database, "beside", folder.to_str().unwrap()]);
    let entries = Entries::new();
    entries.seal(0, "beside", &[]);
    let delivered = deliver(&entries, &server.url);
    assert_eq!(delivered.waiting(), 0, "{:?}", delivered.error());
    let run = &delivered.delivered().next().unwrap().run_id;
    assert!(folder.join(run).join("artifacts/plots/a.svg").exists());
    server.read_back(&["complete", "beside"]);
}

#[test]
fn over_tls_the_environment_says_whom_to_trust_and_who_asks() {
    let server = Server::shared();
    let tls = Tls::before(server);
    let file = |name: &str| tls.folder.join(name).display().to_string();
    let ca = || ("MLFLOW_TRACKING_SERVER_CERT_PATH", file("ca.pem"));
    let client = || ("MLFLOW_TRACKING_CLIENT_CERT_PATH", file("client.pem"));
    let insecure = || ("MLFLOW_TRACKING_INSECURE_TLS", "true".to_owned());
    let entries = Entries::new();
    let push = |variables: Vec<(&str, String)>| {
        let mut command = entries.segpipe(&tls.url, &["push"]);
        let output = command.envs(variables).env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    entries.seal(0, "tls", &[]);
    let (code, errors) = push(vec![client()]);
    assert!(code == Some(5) && errors.contains("certificate"), "an unknown CA: {errors}");
    let (code, errors) = push(vec![ca()]);
    assert!(code == Some(5) && errors.contains("no answer from https://127.0.0.1:"), "no client certificate: {errors}");
    let (code, errors) = push(vec![ca(), ("MLFLOW_TRACKING_CLIENT_CERT_PATH", file("ca.pem"))]);
    assert!(code == Some(5) && errors.contains("`MLFLOW_TRACKING_CLIENT_CERT_PATH` cannot be used"), "{errors}");
    let (code, errors) = push(vec![ca(), client()]);
    assert_eq!(code, Some(0), "{errors}");
    entries.seal(1, "tls", &[]);
    let (code, errors) = push(vec![insecure(), client()]);
    assert_eq!(code, Some(0), "{errors}");
    server.read_back(&["complete", "tls"]);
}
