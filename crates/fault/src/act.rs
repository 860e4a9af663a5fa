//! What a primitive does in a node, as texts for the node's `sh`, and to it by its engine.

use runproof_facts::quote::sh;
use runproof_lab::Change;
use sha2::{Digest as _, Sha256};

/// The folder of a node in which originals wait for their return, one folder a fault.
pub(crate) const KEPT: &str = "/var/lib/runproof-kept";

/// One thing done to one node.
///
/// Every text is POSIX sh, run as root in the node in the exec that compares the lab's nonce
/// first. In all of them `$KEPT` is a folder that is this act's alone, made before `keep` and
/// removed after `restore`. No text is built from input but through
/// [`runproof_facts::quote::sh`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What it does, in words: `edits /etc/hosts`.
    pub words: String,
    /// The role of the node; none for the scenario's own.
    pub on: Option<String>,
    /// What the engine changes of the node's instance, from outside: before `inject`, and back
    /// before `restore`. How that part stands is a part of the state and of the effect.
    pub engine: Option<Change>,
    /// Fails, with the reason on standard error, when a precondition is missing; then the act is
    /// refused and nothing is changed. `:` where there is none.
    pub needs: String,
    /// Prints what the act changes, and nothing that changes by itself (no times, no process
    /// numbers): equal texts are equal states. It succeeds in every state.
    pub state: String,
    /// Puts into `$KEPT` what `restore` needs.
    pub keep: String,
    /// Does it.
    pub inject: String,
    /// Succeeds when the effect is there; tried for a while.
    pub effect: String,
    /// Puts back what was there, from any state between; twice is harmless.
    pub restore: String,
}

impl Act {
    /// With `$KEPT` set to the folder of act `id`, whose name is ours. One text at a time: who
    /// puts back waits for an act whose caller was killed in the middle.
    pub(crate) fn in_folder(id: &str, text: &str) -> String {
        format!(
            "KEPT={KEPT}/{id}\nexport KEPT LC_ALL=C\n\
             exec 9>>/run/runproof-fault.lock && flock -w 60 9 || {{ echo 'another act does not end' >&2; exit 118; }}\n\
             {text}\n"
        )
    }

    /// What identifies the texts, so that a journal of another version is recognised.
    pub(crate) fn digest(text: &str) -> String {
        runproof_model::text::hex(&Sha256::digest(text.as_bytes()))
    }
}

/// Text that describes a path: absent, a link's target, or type, mode, owner and content.
pub(crate) fn state_of_path(path: &str) -> String {
    let path = sh(path);
    format!(
        "p={path}\n\
         if [ -L \"$p\" ]; then printf 'link %s\\n' \"$(readlink -- \"$p\")\"\n\
         elif [ -d \"$p\" ]; then stat -c 'dir %a %u %g' -- \"$p\" && (cd -- \"$p\" && find . -mindepth 1 -printf '%p %y %m %U %G %l\\n' | sort && find . -type f -exec sha256sum -- {{}} + | sort)\n\
         elif [ -e \"$p\" ]; then stat -c '%F %a %u %g' -- \"$p\" && sha256sum <\"$p\"\n\
         else echo absent; fi"
    )
}

/// Text that keeps a path under a name in `$KEPT`, or the word that there is none.
pub(crate) fn keep_path(path: &str, name: &str) -> String {
    let path = sh(path);
    format!(
        "p={path}\n\
         if [ -e \"$p\" ] || [ -L \"$p\" ]; then cp -a -- \"$p\" \"$KEPT/{name}\"; else : >\"$KEPT/{name}.absent\"; fi"
    )
}

/// Text that puts a kept path back. The new one is made beside it and renamed, so that nobody sees half a file. A file
/// with the same content stays the one it is: a program that runs from it would have lost its own.
pub(crate) fn restore_path(path: &str, name: &str) -> String {
    let path = sh(path);
    format!(
        "p={path}; k=\"$KEPT/{name}\"\n\
         if [ -e \"$k.absent\" ]; then rm -rf -- \"$p\"\n\
         elif [ -f \"$k\" ] && [ ! -L \"$k\" ] && [ -f \"$p\" ] && [ ! -L \"$p\" ] && cmp -s -- \"$k\" \"$p\"; then chown --reference=\"$k\" -- \"$p\" && chmod --reference=\"$k\" -- \"$p\"\n\
         elif [ -d \"$k\" ] && [ ! -L \"$k\" ]; then mkdir -p -- \"$p\" && find \"$p\" -mindepth 1 -delete && cp -a -- \"$k/.\" \"$p/\" && chmod --reference=\"$k\" -- \"$p\" && chown --reference=\"$k\" -- \"$p\"\n\
         elif [ -e \"$k\" ] || [ -L \"$k\" ]; then rm -rf -- \"$p.runproof-new\" && cp -a -- \"$k\" \"$p.runproof-new\" && {{ [ ! -d \"$p\" ] || [ -L \"$p\" ] || rm -rf -- \"$p\"; }} && mv -fT -- \"$p.runproof-new\" \"$p\"\n\
         else echo 'what was kept is gone' >&2; false; fi"
    )
}
