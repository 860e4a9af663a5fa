"""The same eighteen checks for testinfra."""


def test_passwd_mode(host): assert host.file("/etc/passwd").mode == 0o644
def test_passwd_owner(host): assert host.file("/etc/passwd").user == "root"
def test_group_mode(host): assert host.file("/etc/group").mode == 0o644
def test_shadow_mode(host): assert host.file("/etc/shadow").mode == 0o640
def test_tmp_mode(host): assert host.file("/tmp").mode == 0o1777
def test_hosts_exists(host): assert host.file("/etc/hosts").exists
def test_systemctl_mode(host): assert host.file("/usr/bin/systemctl").mode == 0o755
def test_systemd_folder(host): assert host.file("/etc/systemd").is_directory
def test_debian_release(host): assert host.file("/etc/os-release").contains("^ID=debian")
def test_user_root(host): assert host.user("root").uid == 0
def test_user_root_home(host): assert host.user("root").home == "/root"
def test_user_nobody(host): assert host.user("nobody").exists
def test_user_daemon(host): assert host.user("daemon").exists
def test_unit_dbus(host): assert host.service("dbus").is_running
def test_unit_journald(host): assert host.service("systemd-journald").is_running
def test_unit_logind(host): assert host.service("systemd-logind").is_running
def test_process_dbus(host): assert host.process.filter(comm="dbus-daemon")
def test_port_9999_free(host): assert not host.socket("tcp://9999").is_listening
