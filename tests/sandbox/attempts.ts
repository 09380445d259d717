/**
 * Ways out of a sandbox. Each is a command that exits with 0 when it got what it must not get.
 *
 * In the words: {W} the workspace, {S} the folder around it, {H} the home, {D} the node's data directory, {A} the
 * program of the folder `attempt`, {PORT} {ABSTRACT} {SHM} {MEMORY} {PID} others' port, socket, memory (System V, POSIX)
 * and process, {X} and {BUS} the sockets of a display and of a bus.
 */

/** Who gets through when nothing confines: everybody, root alone, or nobody for certain, for it hangs on the machine. */
type Control = "everybody" | "root" | "nobody";

export interface Attempt {
  readonly name: string;
  readonly argv: readonly string[];
  readonly control: Control;
  /** The kernel may be built without it, and then nobody gets through. */
  readonly optional: boolean;
}

const sh = (name: string, script: string, control: Control = "everybody"): Attempt => ({
  name,
  argv: ["sh", "-c", script],
  control,
  optional: false,
});

const call = (name: string, control: Control = "everybody", ...words: readonly string[]): Attempt => ({
  name: `the call ${name}`,
  argv: ["{A}", name, ...words],
  control,
  optional: true,
});

const reading: readonly Attempt[] = [
  sh("read a file outside", "cat {S}/secret"),
  sh("read it by the way up", "cat {W}/../secret"),
  sh("read it by a link that lay there", "cat {W}/link"),
  sh("read it by a link of one's own", "ln -sf {S}/secret {W}/fresh && cat {W}/fresh"),
  sh("read it through a process's root", "cat /proc/{PID}/root{S}/secret"),
  sh("read it through a process's folder", "ls /proc/{PID}/cwd/bin"),
  sh("take it by a hard link", "ln {S}/secret {W}/hard && cat {W}/hard"),
  sh("take it by moving", "mv {S}/movable {W}/moved"),
  sh("read the home", "cat {H}/.ssh/id"),
  sh("list the folder around", "ls {S}/secret"),
  sh("read the keys of the node", "cat {D}/node.key"),
  sh(
    "read them after moving the folder above",
    "mv {W}/deep {W}/else && cat {W}/else/data/node.key && mv {W}/else {W}/deep",
  ),
  sh(
    "read them after moving the data directory",
    "rmdir {W}/mine; mv -T {D} {W}/mine && cat {W}/mine/node.key && mv {W}/mine {D}",
  ),
  sh("read a device", "head -c 1 /dev/vda || head -c 1 /dev/sda || test -r /dev/mem", "nobody"),
  sh("see the kernel's messages", "test -e /dev/kmsg"),
  sh("see the sockets of the system", "ls -d /run/*"),
  sh("see the data of the system", "ls -d /var/lib/*"),
  sh("see the machine", "ls -d /sys/class/*"),
  sh("find the root that was left", "ls -d /.old/etc || grep ' /.old' /proc/self/mountinfo", "nobody"),
];

const writing: readonly Attempt[] = [
  sh("make a file outside", "echo x >{S}/made"),
  sh("change a file outside", "echo x >>{S}/victim"),
  sh("change it by a link", "echo x >>{W}/victim-link"),
  sh("change its mode", "chmod 777 {S}/victim"),
  sh("change its time", "touch -d 2001-01-01 {S}/victim"),
  sh("remove it", "rm {S}/removable"),
  sh("put a socket or pipe outside", "mkfifo {S}/pipe"),
  sh("write the system", "test -w /usr && test -w /etc", "root"),
  sh("write the setting of the kernel", "test -w /proc/sys/kernel/core_pattern", "root"),
  sh("write it really", 'p=/proc/sys/kernel/core_pattern; v=$(cat $p) && echo "$v" >$p', "root"),
  sh("reach the emergency keys", "test -w /proc/sysrq-trigger", "nobody"),
  sh("make a device", "mknod {W}/device b 8 0", "root"),
  sh("raise the own rights", "test \"$(sed -n 's/^CapBnd:\\t*0*//p' /proc/self/status)\" != ''"),
  sh("change the data directory", "echo x >{D}/planted"),
];

const planting: readonly Attempt[] = [
  sh("plant a git hook", "echo x >{W}/.git/hooks/post-commit"),
  sh("change a git hook", "echo x >>{W}/.git/hooks/pre-commit"),
  sh("change git's settings", "echo x >>{W}/.git/config"),
  sh("change them by another name", "ln {W}/.git/config {W}/other && echo x >>{W}/other"),
  sh("move the hooks away", "mv {W}/.git/hooks {W}/.git/h && mv {W}/.git/h {W}/.git/hooks"),
  sh("move the repository away", "mv {W}/.git {W}/.g && mv {W}/.g {W}/.git"),
  sh("change the modes of the settings", "chmod 666 {W}/.git/config"),
  sh("change their time", "touch -d 2001-01-01 {W}/.git/config"),
  sh("change what a shell reads", "echo x >>{W}/.bashrc"),
  sh("replace what a shell reads", "rm {W}/.bashrc && echo x >{W}/.bashrc"),
  sh("plant an editor's task", "echo x >{W}/.vscode/tasks.json"),
  sh("replace git's settings", "echo x >{W}/t && mv -f {W}/t {W}/.git/config"),
  sh("remove git's settings", "rm -f {W}/.git/config && ! test -e {W}/.git/config"),
];

const reaching: readonly Attempt[] = [
  sh("see another process", "grep -q {S} /proc/{PID}/cmdline"),
  sh("read its environment", "grep -q . /proc/{PID}/environ"),
  sh("read that of the first process", "grep -q . /proc/1/environ", "nobody"),
  sh("read its descriptors", "ls /proc/1/fd/0", "nobody"),
  sh("read the words of the first process", "tr -d '\\0' </proc/1/cmdline | grep -q ."),
  sh("signal another process", "kill -0 {PID}"),
  { ...call("signal", "everybody", "{PID}"), optional: false },
  { ...call("port", "everybody", "{PORT}"), optional: false },
  { ...call("abstract socket", "everybody", "{ABSTRACT}"), optional: false },
  { ...call("named socket", "everybody", "{D}/operone.sock"), optional: false },
  { ...call("named socket", "everybody", "{X}"), name: "reach the display (X11)", optional: false },
  { ...call("abstract socket", "everybody", "{X}"), name: "reach it by its abstract name", optional: false },
  { ...call("named socket", "everybody", "{BUS}"), name: "reach the bus (D-Bus)", optional: false },
  call("shared memory", "everybody", "{SHM}"),
  sh("read another's shared memory", "cat {MEMORY}"),
  { ...call("inherited", "nobody"), optional: false },
];

const calls: readonly Attempt[] = [
  ...["perf", "io_uring", "userfaultfd", "session keys", "add key", "ptrace", "unshare user", "clone user"],
  ...["clone3 user", "clone3", "process_vm_readv", "kcmp", "pidfd_getfd", "memfd_secret"],
  ...["TIOCSTI", "TIOCLINUX", "TIOCSETD", "vsock", "af_alg", "kernel events", "personality", "int 0x80"],
]
  .map((name) => call(name))
  .concat(
    ["bpf", "setns", "fsopen", "open_tree", "sethostname", "syslog", "packet socket"].map((name) =>
      call(name, "root"),
    ),
    [call("chroot", "root", "/"), call("mount", "nobody", "/tmp"), call("file handle", "everybody", "/")],
  );

const modes = ["chmod", "fchmod", "fchmodat", "fchmodat2", "openat", "openat2", "O_TMPFILE", "mknodat"]
  .concat(process.arch === "x64" ? ["open", "creat", "mknod", "chmod of 64 bits"] : [])
  .flatMap((name, at) => [
    call(name, "everybody", `{W}/set-user-${at}`),
    call(name, "everybody", `{W}/set-group-${at}`, "group"),
  ]);

/** Bounds of the sandbox in which the attempts below go too far. */
export const attemptLimits = {
  cpuSecondsMax: 1,
  memoryBytesMax: 64 * 1024 * 1024,
  processesMax: 40,
  openFilesMax: 64,
  fileBytesMax: 1024 * 1024,
  diskBytesMax: 2 ** 40,
  scratchBytesMax: 512 * 1024,
};

const limits: readonly Attempt[] = [
  call("memory", "everybody", `${128 * 1024 * 1024}`),
  call("processes", "everybody", "60"),
  call("open files", "everybody", "100"),
  call("written", "everybody", `${2 * 1024 * 1024}`, "{W}/large"),
  call("written", "nobody", `${768 * 1024}`, "/tmp/large"),
  call("computing", "everybody", "2"),
];

/** Against a profile of the owner's (`ownPaths` of stage.ts), beyond all others. */
export const ownAttempts: readonly Attempt[] = [
  sh("change what the profile lets be read", "echo x >>{S}/extra/readable"),
  sh("remove it", "rm {S}/extra/readable"),
  sh("read what the profile hides", "cat {W}/covered/deep/secret"),
  sh(
    "read it after moving the folder above",
    "mv {W}/covered {W}/un && cat {W}/un/deep/secret && mv {W}/un {W}/covered",
  ),
  sh("read beside what may be written", "cat {S}/out/../secret"),
  sh("leave by a link in it", "ln -sf {S}/secret {S}/out/fresh && cat {S}/out/fresh"),
  sh("leave a program of its owner's in it", "cp /bin/true {S}/out/set && chmod 4755 {S}/out/set"),
  sh("take a file into it", "ln {S}/victim {S}/out/hard && cat {S}/out/hard"),
];

export const attempts: readonly Attempt[] = [
  ...reading,
  ...reaching,
  ...calls,
  ...limits,
  ...modes,
  // Last, because without a sandbox they do change what the others look at.
  ...writing,
  ...planting,
];
