//go:build tools

// Package goControlPlane names the program that run.py builds, for go.mod and go.sum.
package goControlPlane

import _ "github.com/envoyproxy/go-control-plane/pkg/test/main"
