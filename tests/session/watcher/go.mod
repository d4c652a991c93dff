module watcher

go 1.19

require fluxion/clients/go v0.0.0

require github.com/coder/websocket v1.8.13 // indirect

replace fluxion/clients/go => ../../../clients/go
