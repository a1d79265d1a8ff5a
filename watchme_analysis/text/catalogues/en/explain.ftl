# Explanations of pasted log lines.
explain-layer = { $layer ->
    [client] the client
    [edge] the edge
    [nginx] Nginx
    [network] the network
    [process] the process
    [dependency] a dependency
    [senders] the senders
    [queue_settings] the queue's settings
    [polling] polling
    [concurrency] concurrency
    [function] the function
    [api] the called service
    [message] the message
   *[none] none
}
explain-cause = { $name } ({ $cause })
explain-kind =
    { $speaker ->
        [client] Client
        [edge] Edge
        [nginx] Nginx or another proxy
        [network] Network
        [process] Application or host
        [dependency] Dependency
        [concurrency] Lambda (concurrency)
        [polling] Lambda (polling)
        [queue_settings] Queue
        [api] Called service
        [message] Message
       *[function] Function
    }: { $kind }, { $count ->
        [one] 1 line
       *[other] { $count } lines
    }
    {"    "}{ $sample }
    {"  "}{ $meaning }
explain-excluded = {"  "}Excluded{ $place ->
        [queue] {" behind a queue"}
        [endpoint] {" behind an endpoint"}
       *[any] {""}
    }: { $layers }.
explain-causes = {"  "}{ $number ->
        [one] Likely cause
       *[several] Likely causes
    }{ $place ->
        [queue] {" behind a queue"}
        [endpoint] {" behind an endpoint"}
       *[any] {""}
    }{ $number ->
        [one] {""}
       *[several] , in this order
    }: { $causes }.
explain-commands = { $commands }
explain-unknown = { $count ->
    [one] 1 line has no known message:
   *[other] { $count } lines have no known message, for example:
}{ $samples }
explain-traces = { $count ->
    [one] 1 line belongs to the one beside it (indented, or of a stack trace).
   *[other] { $count } lines belong to those beside them (indented, or of a stack trace).
}
explain-cut = The text is longer than { $lines } lines or { $size }: the rest was not read.
explain-paste = Paste log lines, then press Ctrl-D.
