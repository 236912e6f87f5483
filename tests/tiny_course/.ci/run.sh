echo "not for students"
