using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "dist/worker.js")],
      compatibilityDate = "2025-11-01",
      bindings = [
        (name = "NOMYO_BASE_URL", fromEnvironment = "NOMYO_BASE_URL"),
        (name = "NOMYO_API_KEY", fromEnvironment = "NOMYO_API_KEY"),
        (name = "MODEL", fromEnvironment = "MODEL"),
      ],
    )),
    # Workers reach addresses of the Internet; this one also the gateway on this machine.
    (name = "internet", network = (
      allow = ["public", "local"],
      tlsOptions = (trustBrowserCas = true),
    )),
  ],
  sockets = [(name = "http", address = "localhost:3000", http = (), service = "main")],
);
