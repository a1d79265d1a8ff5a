"""What runs of made-up worlds log when they fail."""

TEXTS = {
    "silent": "",
    "down": "[ERROR] HTTPError: 503 Server Error: Service Unavailable for url: {url}",
    "refused": "[ERROR] ConnectionError: HTTPConnectionPool(host='192.0.2.9', port=8017): Max retries "
    "exceeded with url: /async-process (Caused by NewConnectionError('Failed to establish a new connection: "
    "[Errno 111] Connection refused'))",
    "bad_gateway": "[ERROR] HTTPError: 502 Server Error: Bad Gateway for url: {url}",
    "dns": "[ERROR] ConnectionError: HTTPConnectionPool(host='api.example.com', port=443): Max retries "
    "exceeded (Caused by NameResolutionError('Name or service not known'))",
    "glitch": "[ERROR] HTTPError: 500 Server Error: Internal Server Error for url: {url}",
    "404": "[ERROR] HTTPError: 404 Client Error: Not Found for url: {url}",
    "nokey": "[ERROR] NoSuchKey: An error occurred (NoSuchKey) when calling the GetObject operation: The "
    "specified key does not exist.",
    "keyerror": "[ERROR] KeyError: 'file_path'",
    "json": "[ERROR] JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    "import": "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'requests'",
    "handler": "[ERROR] Runtime.HandlerNotFound: Handler 'main' missing on module 'app'",
    "denied": "[ERROR] ClientError: An error occurred (AccessDeniedException) when calling the GetParameter "
    "operation: User is not authorized to perform: ssm:GetParameter",
    "typeerror": "[ERROR] TypeError: unsupported operand type(s) for +: 'NoneType' and 'str'",
    "late": "[ERROR] NoSuchKey: An error occurred (NoSuchKey) when calling the GetObject operation: The "
    "specified key does not exist.",
    "syntax": "[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'app': invalid syntax (app.py, "
    "line 41)",
    "killed": "RequestId: {request} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
    "disk": "[ERROR] OSError: [Errno 28] No space left on device: '/tmp/audio.wav'",
    "key denied": "[ERROR] ClientError: An error occurred (AccessDeniedException) when calling the Decrypt "
    "operation: User is not authorized to perform: kms:Decrypt",
    "read timeout": "[ERROR] ReadTimeout: HTTPConnectionPool(host='192.0.2.9', port=8017): Read timed out. "
    "(read timeout=10)",
    "certificate": "[ERROR] SSLError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries "
    "exceeded with url: /async-process (Caused by SSLError(SSLCertVerificationError(1, '[SSL: "
    "CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired')))",
    "too many": "[ERROR] HTTPError: 429 Client Error: Too Many Requests for url: {url}",
    "slow down": "[ERROR] ClientError: An error occurred (SlowDown) when calling the GetObject operation "
    "(reached max retries: 4): Please reduce your request rate.",
    "database": '[ERROR] OperationalError: connection to server at "db.example.com" (192.0.2.20), port 5432 '
    "failed: FATAL: remaining connection slots are reserved for non-replication superuser connections",
    "own words": "[ERROR] TranscriberUnavailable: 文字起こしAPIが応答しません (status=503)",
    "node": '{when}\t{request}\tERROR\tInvoke Error \t{{"errorType":"FetchError","errorMessage":"request to '
    '{url} failed, reason: connect ECONNREFUSED 192.0.2.9:8017","code":"ECONNREFUSED"}}',
    "json down": '{{"timestamp":"{when}","level":"ERROR","message":"503 Server Error: Service Unavailable '
    'for url: {url}","logger":"root","errorType":"HTTPError","requestId":"{request}"}}',
}
# Errors that no Python traceback follows.
BARE = frozenset({"killed", "node", "json down"})
