//! A certificate authority of the tests' own, and one that nobody asked for.

use crate::common::{Folder, run};

/// `ca.crt` has signed `leaf.crt`, whose key is `leaf.key`; `other.crt` is a stranger.
pub struct Authority(pub Folder);

impl Authority {
    /// With a certificate for `names`, in the words of `subjectAltName`.
    pub fn new(name: &str, names: &str) -> Self {
        let folder = Folder::new(name);
        std::fs::write(
            folder.0.join("ext"),
            format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n"),
        )
        .unwrap();
        for text in [
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj '/CN=Test CA'",
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -days 30 -subj '/CN=Other CA'",
            "openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj '/CN=localhost'",
            "openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out leaf.crt",
        ] {
            let script = format!("cd {}; exec 2>&1; {text}", folder.0.display());
            run("sh", &["-ec", &script]).unwrap();
        }
        Self(folder)
    }

    /// The path of one of the files.
    pub fn at(&self, name: &str) -> String {
        self.0.0.join(name).to_string_lossy().into_owned()
    }

    /// Its text.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }
}
