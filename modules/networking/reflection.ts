/**
 * What @libp2p/tls needs before its certificates library is loaded. It imports this itself, but in the compiled file
 * a CommonJS package is run after the ES modules beside it; inside a module of its own it runs with that module.
 */
import "reflect-metadata";
