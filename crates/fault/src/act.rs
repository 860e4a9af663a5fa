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
    /// With `$KEPT` set to the folder of act `id`, whose name is ours.
    pub(crate) fn in_folder(id: &str, text: &str) -> String {
        Self::alone(&format!("KEPT={KEPT}/{id}\nexport KEPT LC_ALL=C\n{text}"))
    }

    /// One text at a time: who puts back waits for one whose caller was killed in the middle.
    pub(crate) fn alone(text: &str) -> String {
        format!(
            "exec 9>>/run/runproof-fault.lock && flock -w 60 9 || {{ echo 'another act does not end' >&2; exit 118; }}\n\
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
/// with the same content stays the one it is, a program that runs from it would have lost its own, and gets its time back.
pub(crate) fn restore_path(path: &str, name: &str) -> String {
    let path = sh(path);
    format!(
        "p={path}; k=\"$KEPT/{name}\"\n\
         if [ -e \"$k.absent\" ]; then rm -rf -- \"$p\"\n\
         elif [ -f \"$k\" ] && [ ! -L \"$k\" ] && [ -f \"$p\" ] && [ ! -L \"$p\" ] && cmp -s -- \"$k\" \"$p\"; then chown --reference=\"$k\" -- \"$p\" && chmod --reference=\"$k\" -- \"$p\" && touch -r \"$k\" -- \"$p\"\n\
         elif [ -d \"$k\" ] && [ ! -L \"$k\" ]; then {{ [ -d \"$p\" ] && [ ! -L \"$p\" ] || rm -rf -- \"$p\"; }} && mkdir -p -- \"$p\" && find \"$p\" -mindepth 1 -delete && cp -a -- \"$k/.\" \"$p/\" && chmod --reference=\"$k\" -- \"$p\" && chown --reference=\"$k\" -- \"$p\"\n\
         elif [ -e \"$k\" ] || [ -L \"$k\" ]; then rm -rf -- \"$p.runproof-new\" && cp -a -- \"$k\" \"$p.runproof-new\" && {{ [ ! -d \"$p\" ] || [ -L \"$p\" ] || rm -rf -- \"$p\"; }} && mv -fT -- \"$p.runproof-new\" \"$p\"\n\
         else echo 'what was kept is gone' >&2; false; fi"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::process::Command;

    /// Runs a text with `$KEPT` and `$P` set, and tells what it printed.
    fn run(folder: &std::path::Path, text: &str) -> String {
        let output = Command::new("sh")
            .args(["-eu", "-c", text])
            .env("KEPT", folder.join("kept"))
            .env("P", folder.join("p"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[rstest]
    #[case::a_file_that_is_changed("echo one >$P; touch -d @1000 $P", "echo two >$P")]
    #[case::a_file_that_a_fix_wrote_again("echo one >$P; touch -d @1000 $P", "echo one >$P")]
    #[case::a_file_of_another_mode("echo one >$P; chmod 600 $P; touch -d @1000 $P", "chmod 755 $P")]
    #[case::a_file_that_is_removed("echo one >$P; touch -d @1000 $P", "rm $P")]
    #[case::a_file_that_was_not_there(":", "echo one >$P")]
    #[case::a_link("ln -s nowhere $P", "rm $P; mkdir $P")]
    #[case::a_folder(
        "mkdir $P; echo one >$P/a; chmod 711 $P; touch -d @1000 $P/a",
        "rm $P/a; touch $P/b; chmod 700 $P"
    )]
    #[case::a_folder_that_became_a_file("mkdir $P; touch -d @1000 $P/a", "rm -r $P; echo one >$P")]
    fn a_path_that_was_kept_comes_back_with_content_mode_and_time(
        #[case] prepare: &str,
        #[case] change: &str,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("p").to_str().unwrap().to_owned();
        // The time of a folder itself is that of the last change in it.
        let tell = "[ ! -e $P ] && [ ! -L $P ] || find $P \\( -type d -printf '%y %m %P\\n' \\) -o -printf '%y %m %P %l %T@\\n' | sort; [ ! -f $P ] || cat $P";
        run(
            folder.path(),
            &format!("mkdir $KEPT; {prepare}; {}", keep_path(&place, "k")),
        );
        let before = run(folder.path(), tell);
        run(folder.path(), change);
        assert_ne!(run(folder.path(), tell), before, "the change is one");
        for _ in 0..2 {
            run(folder.path(), &restore_path(&place, "k"));
            assert_eq!(run(folder.path(), tell), before);
        }
    }
}
