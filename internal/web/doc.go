// Package web is what people look at: the status page, the page of one job, and the badge.
//
// It is made of html/template and embedded files only, so that it works where nothing else can be
// reached, and every page works without JavaScript. It decides nothing about jobs (package job), and
// who may see what is decided by Options.Access. It must not make HTML but through html/template, must
// not turn an upstream's text into a link, and must not need a script or a style inside a page.
package web
