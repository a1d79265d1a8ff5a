"""The call graph of an application, from its handlers to blocking calls, with the context of each call.

:func:`~watchme_analysis.app_source.handler.context_of` has the rules of the frameworks. In FastAPI, an
``async def`` handler runs on the event loop and a ``def`` handler in the thread pool (40 tokens of anyio). A
background task runs after the response, on the loop when it is a coroutine function and in the thread pool
when it is not. A dependency runs like a handler.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from watchme_analysis.app_source.blocking_calls import (
    HEAVY_STEPS,
    LOOPS,
    heavy_loop,
    is_certain,
    is_quick,
    is_short,
    is_thread_lock,
    kind_of,
    number,
    timeout_s,
    tries_only,
    waits_at_end,
)
from watchme_analysis.app_source.django_urls import django_routes
from watchme_analysis.app_source.handler import (
    LOOP,
    POOL,
    PROCESS,
    UNKNOWN,
    WORKER,
    Handler,
    ScopedExpression,
    context_of,
)
from watchme_analysis.app_source.middleware import hooks_of
from watchme_analysis.app_source.names import Project, dependency_of, returns_plain_value
from watchme_analysis.app_source.routes import Routes
from watchme_analysis.app_source.syntax import Function, Module, last_name, parameters_of, source_text


def constants_of(module: Module) -> dict[str, float]:
    """Return the numbers to which names of a module are bound."""
    found: dict[str, float] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                for name, value in pairs:
                    known = number(value, found)
                    if isinstance(name, ast.Name) and known is not None:
                        found[name.id] = known
    return found


def caller_chosen_numbers(function: Function, constants: dict[str, float]) -> dict[str, float]:
    """Return the largest values that clients may pass in a handler's integer parameters, by name.

    It is the bound that FastAPI enforces (``le``, ``lt``), else a number that makes a loop heavy. Parameters
    that the handler compares or assigns are excluded, since it may limit them itself.
    """
    parts = list(ast.walk(function.node))
    bounded = {one.id for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    for part in parts:
        if isinstance(part, ast.Compare):
            bounded |= {one.id for one in ast.walk(part) if isinstance(one, ast.Name)}
    found: dict[str, float] = {}
    for argument, default in parameters_of(function):
        said = [inner for part in (argument.annotation, default) if part for inner in ast.walk(part)]
        if argument.arg in bounded or not any(isinstance(one, ast.Name) and one.id == "int" for one in said):
            continue
        bounds = [
            known
            for call in said
            if isinstance(call, ast.Call)
            for keyword in call.keywords
            if keyword.arg in ("le", "lt") and (known := number(keyword.value, constants)) is not None
        ]
        found[argument.arg] = min([HEAVY_STEPS, *bounds])
    return found


# Functions that call their first argument.
_CALLING = re.compile(
    r"map|filter|functools\.reduce|itertools\.(accumulate|dropwhile|filterfalse|groupby|starmap|takewhile)"
)
# Functions that run one of their arguments elsewhere, by last name: how, and the position of the argument.
_LATER = {
    **dict.fromkeys(("add_task", "BackgroundTask"), ("background", 0)),
    **dict.fromkeys(("call_soon", "call_soon_threadsafe", "create_task", "ensure_future"), ("task", 0)),
    **dict.fromkeys(("start_soon", "run_coroutine_threadsafe"), ("task", 0)),
    **dict.fromkeys(("call_later", "call_at"), ("task", 1)),
    **dict.fromkeys(("to_thread", "run_in_threadpool", "iterate_in_threadpool"), ("thread", 0)),
    **dict.fromkeys(("run_sync", "sync_to_async"), ("thread", 0)),
    "run_in_executor": ("thread", 1),
}
# Contexts whose unknown calls are counted among those of another one.
_COUNTED_AS = {f"background_{LOOP}": LOOP, UNKNOWN: LOOP, WORKER: POOL}
_MEMORY = ("io.BytesIO()", "io.StringIO()")
# Functions that open a file, by their last name. Whatever is given an open file reads or writes it.
_OPENING = re.compile(r"(.*\.)?(open|\w*TemporaryFile|GzipFile|BZ2File|LZMAFile|extractfile)\(\)")


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call that blocks, waits or uses a shared resource.

    ``is_certain`` is False if the called object may be another one, since the source leaves several open, or
    if the call blocks only when there is much to do.
    """

    line: int
    call: str
    kind: str
    timeout_s: float | None
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class CallEdge:
    """A call of a project's function, and the way in which it is run.

    ``how`` is ``call`` (in the caller's context), ``dependency``, ``stream`` (while the response is sent),
    ``background``, ``task``, ``thread``, ``pool`` or ``process``. ``is_certain`` as for :class:`CallSite`.
    """

    target: Function
    how: str
    is_certain: bool = True


@dataclass(slots=True)
class FunctionBody:
    """The calls in a function: blocking calls, project functions, and functions run in the background.

    ``unknown`` lists further calls that may block or not: those of libraries that are not known here, and of
    values of unknown origin.
    """

    sites: list[CallSite] = field(default_factory=list)
    edges: list[CallEdge] = field(default_factory=list)
    background: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReachedFunction:
    """A function reached from a handler or task, its context, and the chain of calls.

    ``application`` is the file of the application to which the handler belongs, None if unknown.
    """

    function: Function
    origin: str
    application: str | None
    context: str
    chain: tuple[str, ...]
    is_certain: bool = True


class Calls:
    """The call graph of a project."""

    def __init__(self, project: Project, routes: Routes) -> None:
        self.project = project
        self.routes = routes
        # Django registers routes in modules of their own, and names its middleware in the settings.
        self.other = django_routes(routes)
        self.handlers: list[Handler] = [*routes.handlers(), *self.other.handlers]
        self.hooks = hooks_of(routes)
        # Dependencies that routers add to each handler, in addition to those of its parameters.
        self._router_dependencies: dict[Function, list[ScopedExpression]] = {}
        for handler in self.handlers:
            self._router_dependencies.setdefault(handler.function, []).extend(handler.dependencies)
        self._constants = {name: constants_of(module) for name, module in project.modules.items()}
        self._bodies: dict[Function, FunctionBody] = {}
        self._by_file: dict[str, list[Function]] = {}
        for function in project.functions.values():
            self._by_file.setdefault(function.module.file, []).append(function)

    def body(self, function: Function) -> FunctionBody:
        """Return the calls in a function, cached."""
        if function not in self._bodies:
            self._bodies[function] = FunctionBody()
            self._read(function, self._bodies[function])
        return self._bodies[function]

    @cached_property
    def reached(self) -> list[ReachedFunction]:
        """Every reached function, once for each origin and context.

        By the shortest chain of certain calls; by one with uncertain calls if there is no other.
        """
        starts = []
        for h in self.handlers:
            needed = (self._dependency(need) for need in h.dependencies)
            starts += [
                _start(function, f"{h.method} {h.path}", h.application, h.framework)
                for function in (h.function, *needed)
                if function is not None
            ]
        starts += [
            _start(hook.function, f"middleware {hook.function.name}", hook.application, hook.framework)
            for hook in self.hooks.middlewares
        ]
        starts += [
            replace(_start(hook.function, f"startup {hook.function.name}", hook.application), context=LOOP)
            for hook in self.hooks.startups
        ]
        seen: set[tuple[Function, str, str | None, str]] = set()
        found: list[ReachedFunction] = []
        waiting, uncertain = deque(starts), deque[ReachedFunction]()
        while waiting or uncertain:
            at = (waiting or uncertain).popleft()
            key = (at.function, at.origin, at.application, at.context)
            if key in seen:
                continue
            seen.add(key)
            found.append(at)
            for edge in self.body(at.function).edges:
                context, chain = _context(at.context, edge), (*at.chain, edge.target.name)
                is_certain = at.is_certain and edge.is_certain
                then = ReachedFunction(edge.target, at.origin, at.application, context, chain, is_certain)
                (waiting if is_certain else uncertain).append(then)
        return found

    def unknown_calls(self, handler: Handler, context: str = LOOP) -> list[str]:
        """Return the calls of a handler of which it is unknown whether they block, by name.

        The calls of its application's middleware are included, because they run around each request. The
        context is ``event_loop``, with the tasks that it leaves behind there and calls of which it is unknown
        where they run, or ``thread_pool``, with the workers of a server.
        """
        application, origin = handler.application, f"{handler.method} {handler.path}"
        is_around = handler.framework == "django" and context == _COUNTED_AS.get(handler.context)
        return sorted(
            self._unknown.get((application, origin, context), set())
            | self._unknown.get((application, "middleware", context), set())
            | (set(self.other.middleware) if is_around else set())
        )

    @cached_property
    def _unknown(self) -> dict[tuple[str | None, str, str], set[str]]:
        """Unknown calls by application, origin and context, of all middleware together."""
        found: dict[tuple[str | None, str, str], set[str]] = {}
        for at in self.reached:
            context = _COUNTED_AS.get(at.context, at.context)
            origin = "middleware" if at.origin.startswith("middleware ") else at.origin
            key = at.application, origin, context
            found.setdefault(key, set()).update(self.body(at.function).unknown)
        return found

    @cached_property
    def _coroutines(self) -> set[str]:
        """Last names of the project's coroutine functions."""
        return {f.name.rpartition(".")[2] for f in self.project.functions.values() if f.is_async}

    def _read(self, function: Function, body: FunctionBody) -> None:
        module = function.module
        constants = self._constants[module.name]
        if function in self._router_dependencies:
            constants = constants | caller_chosen_numbers(function, constants)
        nodes = function.nodes
        awaited = {id(node.value) for node in nodes if isinstance(node, ast.Await)}
        in_async_with = {
            id(item.context_expr) for node in nodes if isinstance(node, ast.AsyncWith) for item in node.items
        }
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        deferred = {id(node): found for node in calls if (found := list(self._deferred(node, function)))}
        taken = {used for found in deferred.values() for _, _, uses in found for used in uses}
        inside_loop: set[int] = set()
        # Without a range, no loop can be classified as long.
        ranges = any(isinstance(node.func, ast.Name) and node.func.id == "range" for node in calls)
        loops = LOOPS if ranges else (ast.While,)
        body.edges += self._dependencies(function)
        body.sites += self._threaded(function, body.edges)
        for node in nodes:
            if isinstance(node, loops) and id(node) not in inside_loop:
                loop = heavy_loop(node, constants)
                if loop is not None:
                    inside_loop |= {id(inner) for inner in ast.walk(node)}
                    body.sites.append(CallSite(node.lineno, loop, "cpu", None))
            elif isinstance(node, ast.With):
                for item in node.items:
                    self._enter(node.lineno, item.context_expr, function, body)
            elif isinstance(node, ast.Call):
                waited = id(node) in awaited or id(node) in in_async_with
                self._call(node, function, body, (waited, id(node) in taken, deferred.get(id(node), [])))

    def _call(
        self,
        node: ast.Call,
        function: Function,
        body: FunctionBody,
        state: tuple[bool, bool, list[tuple[Function, str, set[int]]]],
    ) -> None:
        awaited, taken, deferred = state
        values = self.project.resolve_all(node.func, function)
        for target, how, _ in deferred if values else ():
            body.edges.append(CallEdge(target, how))
            if how in ("background", "task", "pool"):
                body.background.append(target.name)
        certain = len(values) < 2
        for dotted in values or _unnamed(node.func):
            own = self._callee(dotted)
            if own is not None:
                if not taken and not (awaited and returns_plain_value(own)):
                    body.edges.append(CallEdge(own, "call", certain))
                continue
            kind = self._kind(node, dotted, awaited, [(target, how) for target, how, _ in deferred])
            if kind == "blocking_file" and self._reads_memory(node, function):
                continue
            if kind is not None and not is_certain(dotted) and is_short(node):
                continue
            if kind is not None:
                seconds = timeout_s(node, dotted, self._constants[function.module.name])
                is_sure = certain and is_certain(dotted)
                body.sites.append(CallSite(node.lineno, dotted.lstrip("?"), kind, seconds, is_sure))
            if awaited:
                # Of an unknown object, it may be a coroutine of the project, which may block.
                if dotted.startswith("?") and dotted.rpartition(".")[2].lstrip("?") in self._coroutines:
                    body.unknown.append(dotted.lstrip("?"))
            elif kind is None and not (deferred or tries_only(node) or self._is_own(dotted)):
                self._without_kind(node, dotted, function, body)

    def _without_kind(self, node: ast.Call, dotted: str, function: Function, body: FunctionBody) -> None:
        """Add a call that is not known to block: what it calls in turn, or that it is unknown."""
        if not is_quick(dotted):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            opened = (self.project.resolve(value, function) for value in given)
            if any(_OPENING.fullmatch(value or "") for value in opened):
                body.sites.append(CallSite(node.lineno, dotted.lstrip("?"), "blocking_file", None))
            else:
                body.unknown.append(dotted.lstrip("?"))
            return
        called = [keyword.value for keyword in node.keywords if keyword.arg == "key"]
        if _CALLING.fullmatch(dotted):
            called += node.args[:1]
        for expression in called:
            target, _ = self._target(expression, function)
            name = self.project.resolve(expression, function)
            if target is not None:
                body.edges.append(CallEdge(target, "call"))
            elif name is not None and (kind := kind_of(name, awaited=False)) is not None:
                body.sites.append(CallSite(node.lineno, name.lstrip("?"), kind, None))
            elif name is not None and not is_quick(name) and not self._is_own(name):
                body.unknown.append(name.lstrip("?"))

    def _enter(self, line: int, entered: ast.expr, function: Function, body: FunctionBody) -> None:
        """Add what a ``with`` statement does with a value, apart from the call that makes it."""
        dotted = self.project.resolve(entered, function) or ""
        owner = self.project.class_of(dotted)
        if is_thread_lock(dotted):
            if not self._is_brief(entered, function):
                body.sites.append(CallSite(line, f"with {dotted.removesuffix('()')}", "lock", None))
        elif waits_at_end(dotted):
            body.sites.append(CallSite(line, f"with {dotted.removesuffix('()')}", "lock", None))
        elif owner is not None:
            methods = (self.project.method(owner, name) for name in ("__enter__", "__exit__"))
            body.edges += [CallEdge(method, "call") for method in methods if method is not None]
        elif not isinstance(entered, ast.Call) and not is_quick(f"{dotted}.__enter__"):
            body.unknown.append(f"with {source_text(entered)}")

    def _is_own(self, dotted: str) -> bool:
        """Return True for a class of the project without code of its own, such as a pydantic model.

        And for the methods that it inherits from a class of a library whose methods are known not to block.
        """
        if dotted in self.project.classes:
            above = self.project.ancestors(self.project.classes[dotted])
            return all(name in self.project.classes or is_quick(name) for name in above)
        base, _, method = dotted.rpartition(".")
        owner = self.project.class_of(base)
        above = self.project.ancestors(owner) if owner is not None else []
        return any(is_quick(f"{name}.{method}") for name in above)

    def _reads_memory(self, node: ast.Call, function: Function) -> bool:
        """Return True when a call reads a file that is in memory, as ``soundfile.read(io.BytesIO(data))``."""
        named = [
            keyword.value
            for keyword in node.keywords
            if keyword.arg in ("file", "fp", "fileobj", "filepath_or_buffer")
        ]
        if named:
            return self.project.resolve(named[0], function) in _MEMORY
        value = self.project.resolve(node.args[0], function) if node.args else None
        return value in _MEMORY

    def _is_brief(self, lock: ast.expr, function: Function) -> bool:
        """Return True when a lock is held only for calls that neither block nor compute for long.

        The parts of the module that hold the same lock, by its name, count together, because each of them
        waits for the others.
        """
        name = source_text(lock)
        for holder in self._by_file[function.module.file]:
            for node in holder.nodes:
                if isinstance(node, ast.With) and any(
                    source_text(i.context_expr) == name for i in node.items
                ):
                    inside = [one for part in node.body for one in ast.walk(part)]
                    calls = [one for one in inside if isinstance(one, ast.Call)]
                    if any(isinstance(one, ast.Await | ast.While) for one in inside):
                        return False
                    if not all(self._is_brief_call(call, holder) for call in calls):
                        return False
        return True

    def _is_brief_call(self, call: ast.Call, function: Function) -> bool:
        values = self.project.resolve_all(call.func, function)
        return all(is_quick(dotted) or self._is_own(dotted) for dotted in values)

    @staticmethod
    def _kind(node: ast.Call, dotted: str, awaited: bool, deferred: list[tuple[Function, str]]) -> str | None:
        if dotted.endswith((".add_task", ".BackgroundTask")):
            return "unbounded_task" if any(f.is_async for f, _ in deferred) else "thread_pool"
        # Starlette runs each step of a plain generator, and each chunk of a file, on a thread of the pool.
        plain = any(how == "stream" and not target.is_async for target, how in deferred)
        if plain or dotted.endswith(".FileResponse"):
            return "thread_pool"
        if dotted.endswith(".run_in_executor") and any(how == "process" for _, how in deferred):
            return "process_pool"
        kind = None if tries_only(node) else kind_of(dotted, awaited)
        # Awaited calls are reported only for other packages.
        return None if kind == "async_wait" and "." not in dotted else kind

    def _callee(self, dotted: str) -> Function | None:
        """Return the project's function that a call of a described value runs."""
        found = self.project.functions.get(dotted)
        if found is not None:
            return found
        owner = self.project.class_of(dotted)
        if owner is None:
            return None
        return self.project.method(owner, "__call__" if dotted.endswith("()") else "__init__")

    def _dependencies(self, function: Function) -> Iterator[CallEdge]:
        """Yield the functions that FastAPI calls first, from ``Depends`` in parameters and decorators."""
        if isinstance(function.node, ast.Lambda):
            return
        found = [
            need
            for argument, default in parameters_of(function)
            if (need := dependency_of(self.project, argument.annotation, default, function)) is not None
        ]
        for decorator in function.node.decorator_list:
            for node in ast.walk(decorator):
                if isinstance(node, ast.Call) and last_name(node.func) == "Depends":
                    found += [ScopedExpression(name, function.enclosing) for name in node.args[:1]]
        for need in found:
            target = self._dependency(need)
            if target is not None:
                yield CallEdge(target, "dependency")

    def _threaded(self, function: Function, edges: list[CallEdge]) -> list[CallSite]:
        """Return a call site if a coroutine waits for the thread pool, in which plain dependencies run."""
        needed = [edge.target for edge in edges] + [
            target
            for need in self._router_dependencies.get(function, ())
            if (target := self._dependency(need)) is not None
        ]
        if not function.is_async or all(target.is_async for target in needed):
            return []
        return [CallSite(function.node.lineno, "fastapi.Depends", "thread_pool", None)]

    def _dependency(self, need: ScopedExpression) -> Function | None:
        """Return the project's function of a dependency."""
        dotted = self.project.resolve(need.node, need.scope)
        return self._callee(dotted) if dotted else None

    def _deferred(self, node: ast.Call, function: Function) -> Iterator[tuple[Function, str, set[int]]]:
        """Yield the project's functions that a call schedules elsewhere, the way, and their node IDs."""
        dotted = self.project.resolve(node.func, function) or ""
        last = dotted.rpartition(".")[2]
        arguments: list[ast.expr] = list(node.args)
        how, at = _LATER.get(last, ("", 0))
        if last in ("StreamingResponse", "EventSourceResponse"):
            yield from self._streamed(node, function)
            return
        if last == "run_in_executor":
            pool = self.project.resolve(node.args[0], function) if node.args else None
            how = "process" if pool and "Process" in pool else "thread"
        elif last in ("submit", "map", "apply_async") and ("Executor()" in dotted or "Pool()" in dotted):
            is_apart = "Process" in dotted or dotted.startswith("multiprocessing.Pool()")
            how = "process" if is_apart else "pool"
        elif dotted in ("threading.Thread", "multiprocessing.Process", "threading.Timer"):
            how = "process" if "Process" in dotted else "pool"
            targets = [keyword.value for keyword in node.keywords if keyword.arg in ("target", "function")]
            arguments = targets or arguments[1:]
        if not how or len(arguments) <= at:
            return
        target, used = self._target(arguments[at], function)
        if target is not None:
            yield target, how, used

    def _streamed(self, node: ast.Call, function: Function) -> Iterator[tuple[Function, str, set[int]]]:
        """Yield the project's generator of a streamed response; a non-async generator runs on threads."""
        content = next((k.value for k in node.keywords if k.arg == "content"), None) or next(
            iter(node.args), None
        )
        target, used = self._target(content, function) if content is not None else (None, set())
        if target is not None and target.is_generator:
            yield target, "stream", used

    def _target(self, node: ast.expr, function: Function) -> tuple[Function | None, set[int]]:
        """Return the function of ``f``, ``f(..)``, ``partial(f, ..)`` or ``lambda: f(..)``, and node IDs.

        A name may refer to a coroutine or generator that was created before and has not run yet.
        """
        used = {id(node)}
        made = function.bindings.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(made, ast.Call):
            # A single step, because `work = partial(work)` is a cycle.
            dotted = self.project.resolve(made.func, function) or ""
            target, used_there = self._callee(dotted), {id(made)}
            if target is not None and (target.is_async or target.is_generator):
                return target, used_there
        if isinstance(node, ast.Lambda):
            name = f"{function.name}.<lambda>"
            inner = Function(f"{function.module.name}.{name}", name, function.module, node, None, function)
            return inner, used
        if isinstance(node, ast.Call):
            dotted = self.project.resolve(node.func, function) or ""
            if dotted.rpartition(".")[2] == "partial" and node.args:
                return self._target(node.args[0], function)
            return self._callee(dotted), used
        dotted = self.project.resolve(node, function) or ""
        return self._callee(dotted), used


def _unnamed(called: ast.expr) -> list[str]:
    """Return a name for a called expression whose value has none; none for the method of a literal text."""
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Constant | ast.JoinedStr):
        return []
    return [f"?{source_text(called)}"]


def _start(
    function: Function, origin: str, application: str | None, framework: str = "fastapi"
) -> ReachedFunction:
    """Return a function that a server calls, as the start of a chain."""
    context = context_of(framework, function.is_async)
    return ReachedFunction(function, origin, application, context, (function.name,))


def _context(caller: str, edge: CallEdge) -> str:
    """Return the context of the target of a call edge."""
    if caller == PROCESS or edge.how == "process":
        return PROCESS
    if edge.how == "call":
        return caller
    # Coroutine functions need an event loop, independent of the way in which they are run.
    on = LOOP if edge.target.is_async or edge.how == "task" else POOL
    stays = edge.how in ("dependency", "stream") or (
        edge.how == "thread" and not caller.startswith("background_")
    )
    return on if stays else f"background_{on}"
