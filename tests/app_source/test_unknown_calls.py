"""A call of which it is unknown whether it blocks is never read as quick."""

import ast
import json
import sys

from watchme_analysis.app_source.reader import analyse, call_rows, handler_rows

# Calls of the standard library that read files, wait for others, run programs or process data of any size.
# The Python documentation marks most of them with an audit event.
WAITING = """
breakpoint() | code.interact() | compileall.compile_dir(p) | configparser.ConfigParser().read(p)
copy.deepcopy(data) | csv.reader(open(p)) | csv.DictReader(rows) | csv.writer(f).writerows(rows)
ctypes.CDLL(p) | curses.wrapper(f) | dbm.open(p) | difflib.unified_diff(a, b) | ensurepip.bootstrap()
exec(text) | eval(text) | fcntl.flock(f, 1) | filecmp.cmp(p, q) | fileinput.input(p) | ftplib.FTP(host)
gc.collect() | getpass.getpass() | glob.glob(p) | gzip.open(p) | hashlib.file_digest(f, "md5")
hashlib.sha256(data) | hashlib.new("md5", data) | http.client.HTTPConnection(h).request("GET", "/")
http.client.HTTPSConnection(h).getresponse().read() | imaplib.IMAP4(h) | importlib.import_module(n)
importlib.metadata.version(n) | importlib.resources.files(n) | input() | inspect.getsource(f)
io.open(p) | json.load(f) | json.dump(data, f) | linecache.getlines(p) | logging.FileHandler(p)
logging.config.fileConfig(p) | lzma.open(p) | lzma.compress(data) | mailbox.mbox(p) | marshal.load(f)
mimetypes.init() | mmap.mmap(f, 0) | multiprocessing.Process(target=f).join() | netrc.netrc(p)
os.chmod(p, 1) | os.fork() | os.fsync(f) | os.fwalk(p) | os.listdir(p) | os.makedirs(p) | os.open(p, 0)
os.path.exists(p) | os.path.getsize(p) | os.popen(c).read() | os.posix_spawn(c, [], {}) | os.read(f, 1)
os.remove(p) | os.rename(p, q) | os.scandir(p) | os.spawnl(0, c) | os.stat(p) | os.system(c) | os.wait()
os.walk(p) | os.write(f, data) | pathlib.Path(p).exists() | pathlib.Path(p).glob("*")
pathlib.Path(p).iterdir() | pathlib.Path(p).rglob("*") | pathlib.Path(p).stat()
pathlib.Path(p).unlink() | pathlib.Path(p).replace(q) | pathlib.Path(p, q).parent.mkdir()
pickle.load(f) | pickle.dump(data, f) | pickle.loads(data) | pkgutil.get_data(n, p)
platform.processor() | plistlib.load(f) | poplib.POP3(h) | pty.spawn(c) | pwd.getpwnam(n)
re.sub(a, b, text) | re.compile(a).findall(text) | runpy.run_path(p) | sched.scheduler().run()
select.select([], [], []) | selectors.DefaultSelector().select() | shelve.open(p) | shutil.copy(p, q)
shutil.copyfileobj(f, g) | shutil.copytree(p, q) | shutil.disk_usage(p) | shutil.make_archive(p, "zip")
shutil.move(p, q) | shutil.rmtree(p) | shutil.unpack_archive(p) | shutil.which(n) | signal.pause()
smtplib.SMTP(h) | smtplib.SMTP(h).sendmail(a, b, text) | socket.create_connection(h)
socket.getaddrinfo(h, 1) | socket.gethostbyname(h) | socket.socket().connect(h) | socket.socket().recv(1)
socket.socket().sendall(data) | sqlite3.connect(p) | sqlite3.connect(p).execute(q)
ssl.create_default_context() | ssl.SSLContext(1).wrap_socket(s) | ssl.get_server_certificate(h)
subprocess.Popen(c) | subprocess.Popen(c).stdout.read() | subprocess.run(c) | subprocess.getoutput(c)
sys.stdin.readline() | syslog.syslog(text) | tarfile.open(p) | tarfile.open(p).extractall()
tarfile.open(p).add(q) | tarfile.open(p).extractfile(n).read() | tarfile.TarFile(p).getmembers()
tempfile.mkdtemp() | tempfile.NamedTemporaryFile() | tempfile.TemporaryDirectory()
threading.Event().wait() | threading.Thread(target=f).join() | time.sleep(1) | timeit.timeit(c)
tokenize.open(p) | tomllib.load(f) | tracemalloc.take_snapshot() | urllib.request.urlopen(u)
urllib.request.urlopen(u).read() | urllib.request.urlretrieve(u)
urllib.robotparser.RobotFileParser(u).read() | uuid.getnode() | venv.create(p) | wave.open(p)
webbrowser.open(u) | xml.dom.minidom.parse(p) | xml.etree.ElementTree.parse(p)
xml.etree.ElementTree.fromstring(text) | xml.sax.parse(p, h) | xmlrpc.client.ServerProxy(u).method()
zipapp.create_archive(p) | zipfile.ZipFile(p) | zipfile.ZipFile(p).read(n)
zipfile.ZipFile(p).open(n).read() | zipfile.ZipFile(p).extractall() | zlib.compress(data)
zlib.crc32(data) | zlib.decompressobj().decompress(data) | base64.b64encode(data)
""".replace("\n", "|")
# The same of values that the source does not tell, and of calls that are made elsewhere.
OPEN = """
value.insert(row) | value.add(row) | value.clear() | value.replace(a) | value.join() | value.execute(q)
{}[n].execute(q) | [][0].query() | next(values).query() | getattr(value, n)() | (value or other)()
(value + other).query() | request.app.state.db.query(q) | list(map(value.query, rows))
map(vendor.query, rows) | sorted(rows, key=lambda row: vendor.rank(row))
vendor.rank(row).first().query() | functools.partial(f)() | contextvars.ContextVar(n).get().query()
typing.cast(T, value).query() | asyncio.Queue().get_nowait().query() | Client().query() | Client()
""".replace("\n", "|")
QUICK = """
json.loads(text)["a"].get("b", {}).get("c") | json.dumps(data) | datetime.datetime.now().isoformat()
uuid.uuid4() | logging.getLogger(n).info("x %s", 1) | "a b".split() | f"{n}".encode() | ",".join(rows)
len(rows) | dict(a=1).get(n) | os.environ["A"].lower() | os.getenv(n) | os.path.join(n, n)
time.monotonic() | random.choice(rows) | sorted(rows, key=len) | sorted(rows, key=lambda row: row["a"])
max(rows) | list(map(str, rows)) | collections.deque([1]).popleft() | pathlib.Path(n).with_suffix(".x")
urllib.parse.quote(n) | hashlib.sha256(n.encode()).hexdigest() | secrets.token_hex(8) | math.sqrt(2)
set().add(1) | list().insert(0, 1) | io.BytesIO(data).read() | itertools.chain(rows, rows)
fastapi.HTTPException(404) | ValueError(n) | print(n) | value.strip() | value.items()
str(n).replace("a", "b") | Own(a=1) | asyncio.get_running_loop().time()
tarfile.open(fileobj=io.BytesIO(data)) | asyncio.open_connection(n)[1].write(data)
""".replace("\n", "|")


def outcome(text):
    """Return the kinds of calls on the event loop and the unknown calls of a handler with one statement."""
    names = {node.id for node in ast.walk(ast.parse(text.strip())) if isinstance(node, ast.Name)}
    imports = [f"import {name}" for name in sorted(names & sys.stdlib_module_names)]
    source = "\n".join(
        [
            "import fastapi, pydantic, vendor",
            *imports,
            "class Own(pydantic.BaseModel): ...",
            "class Client(vendor.Client): ...",
            "app = fastapi.FastAPI()",
            "@app.get('/x')",
            "async def x(value, rows, row, data, text, request: fastapi.Request):",
            f"    {text.strip()}",
        ]
    )
    calls = analyse({"app.py": ast.parse(source)})
    (handler,) = handler_rows(calls)
    return [row["kind"] for row in call_rows(calls)], json.loads(handler["unknown_calls"])


def test_no_waiting_call_is_read_as_quick():
    silent = [text for text in (WAITING + OPEN).split("|") if text.strip() and outcome(text) == ([], [])]
    assert silent == []


def test_plain_work_is_known_not_to_block():
    spoken = {text: outcome(text) for text in QUICK.split("|") if text.strip()}
    assert {text: said for text, said in spoken.items() if said != ([], [])} == {}
