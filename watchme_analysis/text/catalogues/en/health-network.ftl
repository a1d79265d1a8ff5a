### The way into the container, and the rhythm of responses.

health-connect-slow = { $slow } of { $requests } requests to { $services } waited over { $limit } to connect (longest { $longest }). { $again } of them did so until a lost first packet was sent again after whole seconds, or in vain.
health-connect-slow-detail = Connections to { $services } are slow or fail ({ $slow } of { $requests }), as when packets are lost.
health-connect-timeout-detail = Connections to { $services } time out ({ $times } times).
health-connect-quick = { $quick } of { $requests } requests to { $services } connected within { $limit }.
health-connect-quick-or-refused = { $quick } of { $requests } requests to { $services } connected or were refused within { $limit }.
health-queue-had-room = The queue of connections holds { $room }. { $probes } probes from inside, which go through it as well, got a response at the same moments, so it had room.
health-queue-maybe-full = The queue of connections holds { $room }, and up to { $waiting } connected requests waited at one time: it may have been full.
health-queue-never-full = The queue of connections holds { $room }, and at most { $waiting } connected requests waited at one time: it was never full.
health-queue-hardly-used = { $served } requests that were connected meanwhile got a response at once, and at most { $waiting } waited at one time. A full queue of connections would make many wait, so packets were lost.
health-queue-fills = The { $failed } slow or failed connections came one after another ({ $runs } runs of them and of the { $connected } others, where chance makes { $expected }), and { $waited } of the others then waited for a response. A queue of connections that fills up makes such an order, lost packets do not.
health-socket-queue-full-detail = The listen queue of { $services } is full: it turned { $times } connections away.
health-queue-full-detail = The queue of connections of { $services } is full ({ $slow } of { $requests } requests connect slowly).
health-retransmitted = { $hits } of { $waits } long waits for a response from { $services } lasted just over { $time }, when TCP sends a lost packet again.
health-retransmitted-detail = Packets to or from { $services } are lost and sent again ({ $hits } waits of that length).
health-body-stalls = { $stalled } of { $bad } bad requests of { $paths } got their header at once and then stalled for { $time } (median) in the body.
health-body-stalls-detail = Responses of { $paths } stall after the header, as when large packets are lost.
health-body-sizes = Their responses have at least { $large } bytes, those that did well at most { $small }.
health-upstream-errors = { $errors } of { $total } upstream errors on { $services }: { $kind }.
health-upstream-errors-detail = Upstream errors on { $services }: { $kind }.
health-listens-locally = The server is started on { $host }, and Nginx connects to it at { $addresses }: { $command }.
health-listens-locally-detail = The server listens only on { $host } inside its container.
health-connect-slow-from-host = { $slow } of { $probes } host probes waited over { $limit } to connect to { $services } (longest { $longest }), and none of { $inside } from inside did (longest { $longest_inside }): the queue of connections had room.
health-connect-slow-from-host-detail = Connecting to { $services } takes up to { $longest } from the host, but not from inside.
health-cut-from-host = { $cut } of { $probes } host probes of { $paths } were disconnected at once without a response, and none of { $inside } probes from inside within { $near } of them.
health-cut-from-host-detail = Connections from the host to { $services } are cut ({ $cut } of { $probes } probes).

# Rhythm of responses
health-bunched = { $together } of { $slow } slow responses were sent in { $bunches } bunches from several endpoints within 20 ms, though they had been requested at different times.
health-loop-blocked-detail = The event loop is blocked for up to { $longest } at a time.
health-rhythm-numbers = { $silent } of the incident passed in silences over { $limit } (otherwise { $usual_silent }, longest { $longest }), and { $bursts } of responses were sent within 10 ms of the previous one (otherwise { $usual_bursts }).
health-or-no-cpu = A process without CPU would show the same, and its CPU is not known.
health-stop-and-go = The application stops and then responds to everything at once.
health-quick-between = { $quick } of { $responses } responses of { $paths } were as quick as usual between the standstills.
health-steady = The application responded steadily: its longest silence was { $longest }, while callers waited { $waited }.
