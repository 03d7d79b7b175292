#!/usr/bin/env python3
"""The docs gate: what the documents say is true. Run from the root of the repository, after
`make smash build/digits build/examples/07_firmware`.

 1. Comments. The lines without a blank one between them that hold a SMASH_API declaration are its paragraph; the comments
    in it that begin in column 0, or stand behind the declaration, are what is said of all functions in the paragraph. They must
    - have `needs`, `exact` and `fails`: each at the start of a line, or after `;` or two blanks, or listed as `needs, exact`;
    - say of every pointer parameter, or several, whether it is read or written: `a, b  in` (or out, io, opt), at the start of
      a line or after two blanks. Not of ctx, desc and user: the opening comment says once what they may be;
    - name exactly the error codes that can come back. Those are found in the implementation: the SMASH_ERR_ words of the
      function and of everything it calls, less comparisons, less SWALLOWED below. DEVICE is said once, in the opening
      comment, and OVERFLOW of a size may be said or not where NOMEM is;
    - be said of functions that have a row in tests/test_memory.c, if NOMEM or IO is among them.
 2. The contents list of the opening comment = the banners of the header half = those of the implementation, in one order.
 3. Each ```c program of README.md, and the one in the opening comment, compiles without a warning and prints what is said:
    the ```text block behind it, or the comment behind its `return 0;`. Each ```json block is a config that `smash check` takes.
    Each line of a ```sh block exits with 0; if lines begin with `$ `, the others are the exact output. ```console is not run.
 4. One version: SMASH_VERSION_TEXT, the three numbers, line 1 of both headers, the top of CHANGELOG.md, `smash --version`.
 5. One digest: CHANGELOG.md, tests/golden/selftest.txt, `smash selftest`.
 6. No TODO is left in a document or in the header.
 7. The table of algorithms in README.md is what ./smash algorithms --markdown prints; `make docs` writes it (--write does that alone).
"""
import os, re, subprocess, sys, tempfile

# Codes that a function meets inside and does not hand on, and why.
FINDING = "becomes a finding in diags, and CONFIG"
SWALLOWED = {
    "smash_err_name": ("*", "names them"),
    "smash_diag_add": ("ARG NOMEM", "is counted in diags->dropped"),
    "smash_safetensors_read": ("SYNTAX", "becomes FORMAT"),
    "smash_config_load": ("UNSUPPORTED", FINDING),
    "smash_register": ("NOMEM OVERFLOW SYNTAX", "a default that is no list is ARG"),
    "smash_registry_check": ("NOMEM", "is counted in diags->dropped"),
    "smash_config_set": ("SYNTAX UNSUPPORTED", FINDING),
    "smash_config_set_word": ("SYNTAX UNSUPPORTED", FINDING),
    "smash_config_set_number": ("SYNTAX UNSUPPORTED", FINDING),
    "smash_config_set_bool": ("SYNTAX UNSUPPORTED", FINDING),
    "smash_config_unset": ("SYNTAX UNSUPPORTED", FINDING),
    "smash_config_get": ("NOMEM", "a sentence without the nearest name"),
    "smash": ("NOTFOUND SYNTAX UNSUPPORTED", "of reading its own file and masks, where it becomes FORMAT; " + FINDING),
    "smash_run": ("SYNTAX", "becomes FORMAT"),
    "smash_load": ("UNSUPPORTED", FINDING),
    "smash_session_begin": ("SYNTAX", "becomes FORMAT"),
    "smash_session_forward": ("CONFIG FORMAT UNSUPPORTED", "of opening, which is done, and of files"), "smash_session_loss": ("CONFIG FORMAT UNSUPPORTED", "idem"),
    "smash_session_backward": ("CONFIG FORMAT UNSUPPORTED", "idem"), "smash_session_step": ("CONFIG", "idem"),
    "smash_session_load": ("CONFIG DTYPE NONFINITE RANGE SHAPE SYNTAX UNSUPPORTED", "of the header, where it becomes FORMAT; of tensors that have been opened"),
    "smash_session_end": ("SYNTAX UNSUPPORTED", "becomes FORMAT; of opening, which is done"),
    "smash_config_set_text": ("SYNTAX UNSUPPORTED", "a plain word is no JSON; else " + FINDING),
    "smash_config_check": ("LIMIT SYNTAX UNSUPPORTED", FINDING),
    "smash_config_resolve": ("LIMIT RANGE SHAPE SYNTAX UNSUPPORTED", FINDING),
    "smash_builtins": ("*", "only hands out the functions"),
    "smash_register_builtins": ("CONFIG DTYPE FORMAT NOMEM NONFINITE OVERFLOW RANGE SHAPE SYNTAX UNSUPPORTED", "of the functions that smash_builtins hands out"),
    "smash_selftest": ("*", "calls what must fail, and digests the codes"),
}
BUILT = ("smash", "build/digits", "build/examples/07_firmware")
CALLED_THROUGH = {"->apply(": "smash_builtins", "part->method->": "smash__method_of", "parts[i].method->": "smash__method_of", "parts[n].method->": "smash__method_of", "own->pruner->": "smash__method_of", "session->pruner->": "smash__method_of"}     # a pointer: where the functions stand that it may call
NOT_RUN = {"make test": "it runs this gate's neighbours, and takes longer than all of it"}

failed = 0


def fail(path, line, text):
    global failed
    failed += 1
    print(f"FAILED {path}:{line}: {text}")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False, **more)


# ---- 1. comments

def bare(code):
    """C without comments, strings and characters; lines stay where they are."""
    token = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
    return token.sub(lambda m: "\n" * m.group().count("\n") or " ", code)


def error_codes(implementation):
    """Function -> the codes that it and what it calls can return."""
    code = bare(implementation)
    body = {}
    for m in re.finditer(r"^(?:SMASH__(?:DEF|FN|INLINE)|static)\b[^;={]*?\b(smash(?:_\w+)?)\s*\([^;{]*\{(?:[^\n]*\}$|.*?^\})", code, re.S | re.M):
        body[m.group(1)] = body.get(m.group(1), "") + m.group()
    for m in re.finditer(r"^#define (SMASH__\w+)(?:[^\n]*\\\n)*[^\n]*", code, re.M):
        body[m.group(1)] = body.get(m.group(1), "") + m.group()
    own, calls = {}, {}
    for name, text in body.items():
        own[name] = set(re.findall(r"(?<![=!]= )SMASH_ERR_(\w+)", text))
        calls[name] = {w for w in re.findall(r"\bsmash_\w+|\bSMASH__\w+", text) if w in body}
        calls[name] |= {where for call, where in CALLED_THROUGH.items() if call in text}
    codes = {}
    for name in body:
        seen, todo = {name}, [name]
        while todo:
            new = calls[todo.pop()] - seen
            seen |= new
            todo += new
        codes[name] = set().union(*(own[f] for f in seen))
    return codes


def pointer_names(parameters):
    """Names of the pointers among C parameters: `const char *a`, `int b[4]`, `void (*c)(int, int)`."""
    parameters = re.sub(r"\(\*\s*(\w+)\)\([^()]*\)", r"*\1", parameters)
    for p in parameters.split(","):
        if "*" in p or "[" in p:
            yield re.findall(r"\w+", p.split("[")[0])[-1]


def check_comments(header, implementation):
    codes = error_codes(implementation)
    memory_rows = read("tests/test_memory.c")
    legal = set(re.findall(r"^    SMASH_ERR_(\w+) ", header, re.M))
    count = 0
    for m in re.finditer(r"(?:[^\n]+\n)+", header):
        paragraph, at = m.group(), m.start()
        functions = [(d.group(2), d.group(3), line_of(header, at + d.start()))
                     for d in re.finditer(r"^SMASH_API ([^;]*?)\b(smash(?:_\w+)?)\((.*?)\);", paragraph, re.S | re.M)]
        if not functions:
            continue
        count += len(functions)
        first, line = functions[0][0], functions[0][2]
        said = "\n".join(re.findall(r"^/\*.*?\*/", paragraph, re.S | re.M) + re.findall(r"^(?:SMASH_API| ).*;\s*/\*(.*)\*/$", paragraph, re.M))
        said = re.sub(r"^ \*", "  ", said, flags=re.M)
        label = r"(?:^|;|,|\s\s)\s*(%s)(?=[ ,])"
        for word in ("needs", "exact", "fails"):
            if not re.search(label % word, said, re.M):
                fail("smash.h", line, f"{first}: its comment has no `{word}`")
        arguments = re.findall(r"\w+", " ".join(re.findall(r"(?:^|\s\s|; )\s*((?:\w+, )*\w+) +(?:in|out|io|opt|\(opt)\b", said, re.M)))
        for name, parameters, at_line in functions:
            for p in pointer_names(parameters):
                if p not in ("ctx", "desc", "user", *arguments):
                    fail("smash.h", at_line, f"{name}: its comment does not say what `{p}` is")
        fails = re.split(label % "fails", said, maxsplit=1, flags=re.M)
        fails = re.split(label % "needs|exact|from", fails[2], maxsplit=1, flags=re.M)[0] if len(fails) == 3 else ""
        words = set(re.findall(r"\b[A-Z][A-Z_]{1,}\b", re.sub(r"\(.*?\)", "", fails, flags=re.S))) - {"NULL"}
        for word in sorted(words - legal):
            fail("smash.h", line, f"{first}: fails with {word}, but there is no SMASH_ERR_{word}")
        for name, _, at_line in functions:
            if name not in codes:
                fail("smash.h", at_line, f"{name} is declared and not implemented")
            if words & {"NOMEM", "IO"} and f'{{ "{name}",' not in memory_rows:
                fail("smash.h", at_line, f"{name} may run out of memory or into a failing callback, and tests/test_memory.c has no row for it")
        known = [f for f, _, _ in functions if f in codes]
        swallowed = {f: set(SWALLOWED.get(f, ("", ""))[0].split()) for f in known}
        if any("*" in s for s in swallowed.values()):
            continue
        can = set().union(*(codes[f] - swallowed[f] for f in known)) - {"DEVICE"}
        for word in sorted(can - words):
            if word != "OVERFLOW" or "NOMEM" not in words:
                fail("smash.h", line, f"{first}: {word} can come back and is not in `fails`")
        for word in sorted((words & legal) - can - {"DEVICE"}):
            fail("smash.h", line, f"{first}: `fails` names {word}, which it cannot return")
    for name in sorted(set(SWALLOWED) - set(re.findall(r"\b(smash(?:_\w+)?)\(", header))):
        fail("tools/docs.py", 1, f"SWALLOWED names {name}, which is not declared")
    return count


# ---- 2. contents and banners

def check_contents(header, implementation):
    contents = re.search(r"^   CONTENTS.*?\n(.*?)^   [A-Z]", header, re.S | re.M)
    listed = re.findall(r"^       >>(\w+)", contents.group(1), re.M)
    banner = re.compile(r"^ \* MARK: - .*>>([\w-]+)$", re.M)
    above, below = banner.findall(header), banner.findall(implementation)
    if listed != above + below[:1]:
        fail("smash.h", line_of(header, contents.start()), f"the contents are {' '.join(listed)}, the banners {' '.join(above + below[:1])}")
    if below[1:] != [tag + "-impl" for tag in above]:
        fail("smash.h", line_of(header + implementation, len(header) + 1), f"the banners are {' '.join(above)}, those of the implementation {' '.join(below[1:])}")


# ---- 3. programs, configs, commands

def check_program(path, line, source, wanted, folder):
    file, program = os.path.join(folder, "doc.c"), os.path.join(folder, "doc")
    with open(file, "w", encoding="utf-8") as f:
        f.write(source)
    done = run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-I.", file, "-o", program])
    if done.returncode:
        fail(path, line, "the program does not compile:\n" + done.stdout)
        return
    done = run([program])
    if done.returncode or done.stdout != wanted:
        fail(path, line, f"the program exits with {done.returncode} and prints\n{done.stdout}the document says\n{wanted}")


def check_commands(path, line, text):
    steps = []                                      # [command, wanted output or None]
    session = re.search(r"^\$ ", text, re.M)
    for row in text.splitlines():
        if not session:
            steps.append([row, None])
        elif row.startswith("$ "):
            steps.append([row[2:], ""])
        else:
            steps[-1][1] += row + "\n"
    for command, wanted in steps:
        if re.sub(r"\s*#.*", "", command) in NOT_RUN or not command.strip():
            continue
        done = run(["sh", "-c", command])
        if done.returncode:
            fail(path, line, f"`{command}` exits with {done.returncode}:\n{done.stdout}")
        elif wanted is not None and done.stdout != wanted:
            fail(path, line, f"`{command}` prints\n{done.stdout}the document says\n{wanted}")


def check_blocks(path, folder):
    text = read(path)
    blocks = [(m.group(1), m.group(2), line_of(text, m.start())) for m in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M)]
    fences = [line_of(text, m.start()) for m in re.finditer(r"^\s*```", text, re.M)]
    if len(fences) != 2 * len(blocks):
        fail(path, fences[0], f"{len(fences)} lines with ``` and {len(blocks)} blocks: one of them is mistyped, and would not be checked")
    for i, (kind, body, line) in enumerate(blocks):
        if kind == "c":
            behind = blocks[i + 1] if i + 1 < len(blocks) else ("", "", 0)
            if behind[0] != "text":
                fail(path, line, "no ```text block behind the program says what it prints")
            check_program(path, line, body, behind[1], folder)
        elif kind == "json":
            file = os.path.join(folder, "config.json")
            with open(file, "w", encoding="utf-8") as f:
                f.write(body)
            done = run(["./smash", "check", file])
            if done.returncode:
                fail(path, line, "smash check does not take this config:\n" + done.stdout)
        elif kind == "sh":
            check_commands(path, line, body)
    return len(blocks)


def check_header_program(header, folder):
    m = re.search(r"^   A PROGRAM\n(.*?)^   CONTENTS", header, re.S | re.M)
    source = re.sub(r"^       ", "", m.group(1), flags=re.M)
    wanted = re.search(r"return 0;\s*// (.*)", source)
    check_program("smash.h", line_of(header, m.start()), source, wanted.group(1) + "\n" if wanted else "", folder)


# ---- 4, 5, 6. version, digest, placeholders

def check_version(header):
    version = re.search(r'#define SMASH_VERSION_TEXT "(.*)"', header).group(1)
    numbers = ".".join(re.search(rf"#define SMASH_VERSION_{n} (\d+)", header).group(1) for n in ("MAJOR", "MINOR", "PATCH"))
    log = read("CHANGELOG.md")
    top = re.search(r"^## (\S+)", log, re.M)
    cuda = read("smash_cuda.h")
    for path, line, found in (
            ("smash.h", 1, re.findall(r" - v(\S+) - ", header.splitlines()[0])),
            ("smash.h", line_of(header, header.index("SMASH_VERSION_MAJOR")), [numbers]),
            ("smash_cuda.h", 1, re.findall(r" - v(\S+) - ", cuda.splitlines()[0])),
            ("CHANGELOG.md", line_of(log, top.start()), [top.group(1)]),
            ("./smash --version", 1, run(["./smash", "--version"]).stdout.split()[1:2])):
        if found != [version]:
            fail(path, line, f"the version is {' '.join(found) or 'missing'}; SMASH_VERSION_TEXT is {version}")
    return version


def check_digest():
    lines = run(["./smash", "selftest"]).stdout
    digest = lines.split()[-1]
    newest = re.split(r"^## .*$", read("CHANGELOG.md"), flags=re.M)[1]
    for one in (digest, re.search(r"^layer0 +(\w+)", lines, re.M).group(1)):
        if f"`{one}`" not in newest:
            fail("CHANGELOG.md", 1, f"the newest entry does not name the digest that ./smash prints, {one}")
    if lines != read("tests/golden/selftest.txt"):
        fail("tests/golden/selftest.txt", 1, "is not what ./smash selftest prints:\n" + lines)
    return digest


def check_placeholders(paths):
    for path in paths:
        for number, line in enumerate(read(path).splitlines(), 1):
            m = re.search(r"\b(TODO|FIXME|TBD|XXX)\b", line)
            if m:
                fail(path, number, f"a placeholder is left: {m.group()}")


# ---- 7. the table of algorithms

def algorithms_table(write=False):
    """Compare the table between the two marks in README.md with the algorithms there are, or put it there."""
    text = read("README.md")
    m = re.search(r"^<!-- algorithms: make docs -->\n(.*?)^<!-- end -->$", text, re.S | re.M)
    table = run(["./smash", "algorithms", "--markdown"])
    if not m or table.returncode:
        fail("README.md", 1, "no marks around the table of algorithms" if not m else table.stdout)
    elif write:
        with open("README.md", "w", encoding="utf-8") as f:
            f.write(text[:m.start(1)] + table.stdout + text[m.end(1):])
    elif m.group(1) != table.stdout:
        fail("README.md", line_of(text, m.start()), "the table is not what `./smash algorithms --markdown` prints: make docs")


def main():
    if "--write" in sys.argv[1:]:
        algorithms_table(write=True)
        return failed != 0
    missing = [name for name in BUILT if not os.path.exists(name)]
    if missing:
        print(f"FAILED README.md runs what is not built; do this first: make {' '.join(missing)}")
        return 1
    text = read("smash.h")
    cut = text.rindex("\n\n", 0, text.index("MARK: - Implementation"))
    header, implementation = text[:cut + 1], text[cut + 1:]
    functions = check_comments(header, implementation)
    check_contents(header, implementation)
    os.makedirs("build", exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as folder:
        check_header_program(header, folder)
        blocks = check_blocks("README.md", folder)
    version, digest = check_version(header), check_digest()
    algorithms_table()
    check_placeholders(["smash.h", "smash_cuda.h", "README.md", "CHANGELOG.md", "SECURITY.md"])
    if not failed:
        print(f"ok     documents: {functions} functions, {blocks} blocks of README.md, version {version}, digest {digest}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
