"""Handlers of Flask, Django and Express: what is understood of them, and what is only listed."""

import textwrap

from watchme_analysis.app_source.reader import read_app_source
from watchme_analysis.case.importer import import_folder
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.health.configuration import handlers_table

COLUMNS = ["method", "path", "function", "runs_on", "application_file"]


def tables(folder, files):
    """Return rows of handlers, and of calls, of all files of a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    handlers, calls = [], []
    for name in files:
        for table, frame, *_ in read_app_source(RawFile(folder, name)):
            plain = frame.astype(object).where(frame.notna(), None)
            (handlers if table == "app_handlers" else calls).extend(plain.to_dict("records"))
    return handlers, calls


def listed(rows, *columns):
    return {tuple(row[name] for name in columns or COLUMNS) for row in rows}


FLASK = {
    "app.py": """
        import time
        from flask import Flask, jsonify
        from views import orders

        def create_app():
            app = Flask(__name__)
            app.register_blueprint(orders, url_prefix="/v2")
            app.add_url_rule("/ping/<int:count>", view_func=ping, methods=["POST"])

            @app.before_request
            def slow_check():
                time.sleep(1)

            return app

        def ping(count):
            return jsonify(ok=True)

        app = create_app()

        @app.route("/health", methods=["GET", "HEAD"])
        def health():
            return "ok"
        """,
    "views.py": """
        import requests
        from flask import Blueprint
        from flask.views import MethodView

        orders = Blueprint("orders", __name__, url_prefix="/orders")

        @orders.get("/<uuid:order>")
        async def show(order):
            return fetch(order)

        def fetch(order):
            return requests.get("https://example.com/", timeout=5)

        class Items(MethodView):
            def get(self): return []
            def post(self): return vendor.save()

        orders.add_url_rule("/items", view_func=Items.as_view("items"))
        """,
}
DJANGO = {
    "shop/urls.py": """
        from django.contrib import admin
        from django.urls import include, path, re_path
        from . import views
        extra = [path("extra/", views.health)]
        urlpatterns = [
            path("admin/", admin.site.urls),
            path("health/", views.health),
            re_path(r"^report/(?P<year>[0-9]{4})/$", views.report),
            re_path(r"^files/(.*)", views.report),
        ]
        urlpatterns += [path("orders/", include("orders.urls")), path("more/", include(extra))]
        """,
    "shop/settings.py": """
        ROOT_URLCONF = "shop.urls"
        MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
        """,
    "shop/views.py": """
        from django.http import HttpResponse
        from django.views.decorators.http import require_POST
        def health(request):
            return HttpResponse("ok")
        @require_POST
        async def report(request, year):
            return HttpResponse("later")
        """,
    "orders/urls.py": """
        from django.urls import path
        from . import views
        urlpatterns = [path("<int:pk>/", views.Order.as_view()), path("list", views.Several.as_view())]
        """,
    "orders/views.py": """
        from django.views import View
        from django.views.generic import ListView
        from .models import Stored
        class Order(View):
            def get(self, request, pk): return Stored.objects.get(pk=pk)
        class Several(ListView): ...
        """,
    "orders/models.py": """
        from django.db import models
        class Stored(models.Model): ...
        """,
}
EXPRESS = {
    "src/server.ts": r"""
        import express, { Application } from 'express';
        import users from './routes/users';
        const app: Application = express();
        // app.get('/commented', h)
        const text = "app.get('/in-a-text', h)";
        app.get('port');
        app.get('/health', async (req, res) => { res.send(`ok ${req.url.replace(/\//g, ')')}`); });
        app.use('/api', express.json(), users);
        app.use('/old', require('./routes/old'));
        app.all('/any/:id(\\d+)/:x?', handlers.any);
        app.get(['/a', '/b'], both);
        client.get('/not-a-route', both);
        """,
    "src/routes/users.ts": """
        import { Router } from 'express';
        const router = Router();
        router.route('/:id').get(show).delete(auth, users.remove);
        router.post(
          '/',
          create,
        );
        export default router;
        """,
    "src/routes/old.js": """
        const router = require('express').Router();
        router.get('/', index);
        module.exports = router;
        """,
}


def test_flask_keeps_a_worker_and_its_blocking_calls_are_followed(tmp_path):
    handlers, calls = tables(tmp_path, FLASK)
    assert listed(handlers) == {
        ("POST", "/ping/{count}", "ping", "worker", "app.py"),
        ("GET", "/health", "health", "worker", "app.py"),
        ("HEAD", "/health", "health", "worker", "app.py"),
        ("GET", "/v2/{order}", "show", "worker", "app.py"),
        ("GET", "/v2/items", "Items.get", "worker", "app.py"),
        ("POST", "/v2/items", "Items.post", "worker", "app.py"),
    }
    assert listed(calls, "kind", "call", "reached_from", "context", "timeout_s") == {
        ("blocking_sleep", "time.sleep", "middleware create_app.slow_check", "worker", None),
        ("blocking_io", "requests.get", "GET /v2/{order}", "worker", 5.0),
    }
    unknown = {row["function"]: row["unknown_in_threads"] for row in handlers}
    assert (unknown["ping"], unknown["Items.post"]) == ("[]", '["vendor.save"]')


def test_django_follows_includes_and_claims_nothing_about_async_views(tmp_path):
    handlers, calls = tables(tmp_path, DJANGO)
    assert listed(handlers) == {
        ("ANY", "/admin/", "admin.site.urls", None, "shop/urls.py"),
        ("ANY", "/health/", "health", "worker", "shop/urls.py"),
        ("ANY", "/more/extra/", "health", "worker", "shop/urls.py"),
        ("POST", "/report/{year}/", "report", None, "shop/urls.py"),
        ("POST", "/files/{(.*)}", "report", None, "shop/urls.py"),
        ("GET", "/orders/{pk}/", "Order.get", "worker", "shop/urls.py"),
        ("ANY", "/orders/list", "views.Several.as_view()", None, "shop/urls.py"),
    }
    assert listed(calls, "call", "kind", "reached_from", "context") == {
        ("orders.models.Stored.objects.get", "blocking_io", "GET /orders/{pk}/", "worker")
    }
    # The session may ask a database: no handler is said to do nothing.
    known = [row for row in handlers if row["unknown_calls"] is not None]
    assert all("SessionMiddleware" in row["unknown_calls"] + row["unknown_in_threads"] for row in known)
    assert [row["function"] for row in handlers if row["unknown_calls"] is None] == [
        "admin.site.urls",
        "views.Several.as_view()",
    ]


def test_express_routes_are_listed_without_analysis(tmp_path):
    handlers, calls = tables(tmp_path, EXPRESS)
    assert listed(handlers, "method", "path", "function", "line", "application_file") == {
        ("GET", "/health", None, 8, "src/server.ts"),
        ("ANY", "/any/{id}/{x}", "handlers.any", 11, "src/server.ts"),
        ("GET", "/a", "both", 12, "src/server.ts"),
        ("GET", "/b", "both", 12, "src/server.ts"),
        ("GET", "/api/{id}", "show", 4, "src/server.ts"),
        ("DELETE", "/api/{id}", "users.remove", 4, "src/server.ts"),
        ("POST", "/api", "create", 5, "src/server.ts"),
        ("GET", "/old", "index", 3, "src/server.ts"),
    }
    nothing = ("is_async", "runs_on", "background_tasks", "unknown_calls", "unknown_in_threads")
    assert calls == [] and listed(handlers, *nothing) == {(None,) * 5}


def test_a_bundle_is_left_and_said_to_be(tmp_path):
    (tmp_path / "bundle.js").write_text("const app = require('express')();\napp.get('/x', h);\n" * 40_000)
    (handlers, frame, retrieval, _), _ = read_app_source(RawFile(tmp_path, "bundle.js"))
    assert (handlers, len(frame), len(retrieval.notes)) == ("app_handlers", 0, 1)


def test_a_case_keeps_scripts_and_its_table_names_what_is_not_analysed(tmp_path):
    tables(tmp_path / "raw", EXPRESS | {"node_modules/express/index.js": "app.get('/inside', x)"})
    case = import_folder(tmp_path / "raw", tmp_path / "case").case
    kept = {path.relative_to(case.path / "files").as_posix() for path in (case.path / "files").rglob("*.*s")}
    assert kept == set(EXPRESS)
    left = {row["file"] for row in case.manifest["inputs"] if not row["tables"]}
    assert "node_modules/express/index.js" in left
    frame = handlers_table(case.table("app_handlers"), case.table("app_calls"))
    shown = frame.set_index("route").loc["GET /health"]
    assert (shown["function"], shown["written_as"], shown["runs_on"]) == ("(src/server.ts:8)", "", "")
    assert shown["in_answer"] == "not analysed"
