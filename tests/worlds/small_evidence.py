"""The least evidence that an investigation can begin with: three requests and two probes."""

ACCESS = """\
192.0.2.10 - - [11/Dec/2025:10:00:01 +0900] "GET /health HTTP/1.1" 200 15 "-" "probe/1.0"
192.0.2.11 - - [11/Dec/2025:10:00:02 +0900] "POST /async-process HTTP/1.1" 202 44 "-" "worker/1.0"
192.0.2.10 - - [11/Dec/2025:10:00:31 +0900] "GET /health HTTP/1.1" 504 167 "-" "probe/1.0"
"""
PROBES = """\
timestamp,vantage,path,status,seconds,error
2025-12-11T01:00:00Z,inside,/health,200,0.8,
2025-12-11T01:00:10Z,outside,/health,,30.0,timeout
"""
