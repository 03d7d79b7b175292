/* rude_user.c - a program that has macros of its own, as <windows.h> and old code do, before it includes smash.h */
#define min(a, b) rude
#define max(a, b) rude
#define near
#define far
#define I rude
#define R rude
#define C rude
#define OK rude
#define ERROR rude
#define small char
#define interface struct
#define SMASH_IMPLEMENTATION
#include "../../smash.h"

int main(void) { return smash_version() == SMASH_VERSION ? 0 : 1; }
