"""Made-up people who are sent through the whole service: does each rule still speak when it must, and not when it must not?"""
