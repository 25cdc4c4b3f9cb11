module arkshare.example/connect-client

go 1.19

require (
	connectrpc.com/connect v1.14.0
	google.golang.org/protobuf v1.32.0
)
